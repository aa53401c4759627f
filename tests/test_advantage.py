"""When claiming is reinforced: the exact expectation against simulated groups, and against the reward's closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulngames.games.self_grading import AUDITED, Pay, indifferent_rate
from vulngames.seeds import seed
from vulngames.studies.audit_rate.advantage import claiming_gain, reinforced_rate


def simulated(audit_rate: float, chance: float, normalized: bool, claiming: float, group: int) -> tuple[float, float]:
    """The gain in simulated groups, with its standard error."""
    random = np.random.default_rng(seed("groups", str(audit_rate), str(chance), str(claiming), group))
    n = 40_000
    right, claims, audited = (random.random((n, group)) < share for share in (chance, claiming, audit_rate))
    free, checked = (
        np.array([[table.of(claim, so) for so in (False, True)] for claim in (False, True)])
        for table in (Pay(), AUDITED)
    )
    pay = np.where(audited, checked[claims.astype(int), right.astype(int)], free[claims.astype(int), right.astype(int)])
    advantage = pay - pay.mean(axis=1, keepdims=True)
    if normalized:
        advantage /= pay.std(axis=1, ddof=1, keepdims=True) + 1e-4
    first = advantage[:, 0]
    sides = [first[claims[:, 0]], first[~claims[:, 0]]]
    error = np.sqrt(sum(side.var() / len(side) for side in sides))
    return float(sides[0].mean() - sides[1].mean()), float(error)


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize(
    ("rate", "chance", "claiming", "group"), [(0.1, 0.0, 0.5, 8), (0.5, 0.4, 0.2, 4), (1, 0.9, 0.7, 2)]
)
def test_the_gain_is_that_of_simulated_groups(
    rate: float, chance: float, claiming: float, group: int, normalized: bool
) -> None:
    mean, error = simulated(rate, chance, normalized, claiming, group)
    assert abs(claiming_gain(rate, chance, normalized, claiming, group) - mean) < 4.5 * error


@given(st.floats(0, 0.79), st.floats(0.05, 0.95), st.integers(2, 8))
def test_centred_advantages_reinforce_what_pays(chance: float, claiming: float, group: int) -> None:
    found = reinforced_rate(chance, normalized=False, claiming=claiming, group=group)
    assert found == pytest.approx(indifferent_rate(chance), abs=1e-4)


@given(st.floats(0, 0.75))
def test_normalising_takes_more_audits(chance: float) -> None:
    assert reinforced_rate(chance, normalized=True) > indifferent_rate(chance) + 0.05


def test_what_is_surely_right_is_always_reinforced() -> None:
    assert reinforced_rate(1.0, normalized=True) == 1.0


def test_the_rates_that_the_log_names() -> None:
    assert [round(reinforced_rate(chance, normalized=True), 2) for chance in (0.0, 0.42)] == [0.31, 0.53]
