"""Every attack of the corpus works somewhere weaker, and earns nothing behind each wall that this machine offers."""

import sys
from collections.abc import Callable, Iterator

import pytest

from vulngames.sandbox import Limits, Sandbox, Status, tier
from vulngames.sandbox.corpus import VISIBLE_AT_T2, Attack, corpus
from vulngames.sandbox.worker import WorkerLostError

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore:vulngames.sandbox runs at tier")

ATTACKS = list(corpus())
QUICK = Limits(wall_s=0.5, cpu_s=1, memory_mb=512, output_kb=64)
# For those that end by themselves, however busy the machine is.
PATIENT = Limits(wall_s=10, cpu_s=10, memory_mb=512, output_kb=64)


@pytest.fixture(scope="module")
def unwalled() -> Iterator[Sandbox]:
    with Sandbox(QUICK, tier="T0", allow_unsandboxed=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="module", params=["T3", "T2", "T1"])
def walled(request: pytest.FixtureRequest) -> Iterator[Callable[[Attack], Sandbox]]:
    """The sandbox of a tier for an attack."""
    try:
        tier.layers_of(request.param)
    except WorkerLostError as error:
        pytest.skip(str(error))
    with Sandbox(QUICK, tier=request.param) as quick, Sandbox(PATIENT, tier=request.param) as patient:
        yield lambda attack: quick if attack.status is Status.TIMEOUT else patient


def named(attacks: list[Attack]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("attack", attacks, ids=[f"{a.group}-{a.name}" for a in attacks])


def test_the_corpus_has_its_size() -> None:
    assert len(ATTACKS) >= 90
    assert sum(attack.weak == "published" for attack in ATTACKS) == 18
    assert len({(attack.group, attack.name) for attack in ATTACKS}) == len(ATTACKS)


@named([attack for attack in ATTACKS if attack.weak in ("process", "asserts", "printed")])
def test_the_attack_works_somewhere_weaker(unwalled: Sandbox, attack: Attack) -> None:
    assert attack.succeeds_somewhere_weaker(unwalled)


def test_only_metadata_can_be_seen_and_only_at_t2() -> None:
    for attack in ATTACKS:
        visible = attack.group == VISIBLE_AT_T2
        assert [name for name in tier.TIERS if attack.end(name) is Status.OK] == ["T2"] * visible


@pytest.mark.slow
@named(ATTACKS)
def test_the_attack_ends_as_its_row_says(
    walled: Callable[[Attack], Sandbox], attack: Attack, request: pytest.FixtureRequest
) -> None:
    grade = walled(attack).grade(*attack.sample)
    assert set(grade.statuses) == {attack.end(request.node.callspec.params["walled"])}, grade.details
