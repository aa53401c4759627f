"""The shipped policies are what their cards say."""

import json

import pytest

pytest.importorskip("transformers")

from vulngames.games import SPECS
from vulngames.measures import Interval, exact, interval
from vulngames.policies import BUILT_IN, CLEAN, TINY, Sampling
from vulngames.policies.hf import load_hf
from vulngames.tiny.card import base_rates, exposure, read_card
from vulngames.tiny.corpus import default_shares, unexploited


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny", CLEAN])
def test_its_base_rates_are_those_of_its_card(name: str) -> None:
    card = read_card(name)
    policy = load_hf(name, Sampling())
    assert card["parameters"] == sum(p.numel() for p in policy.model.parameters())
    found = base_rates(policy, ("test",), n=300)
    assert set(found) == set(card["games"]) == {id for id, spec in SPECS.items() if spec.corpus}
    for game in found:
        for measure in ("itp", "er", "use"):
            ours, said = found[game][measure], card["games"][game][measure]
            assert _overlap(interval(ours), interval(said)), (game, measure)


def test_it_is_honest_at_first_and_knows_each_exploit() -> None:
    for game, row in read_card()["games"].items():
        if game != "self-grading-v1":
            assert 0.001 <= row["use"]["mean"] <= 0.04, (game, row["use"])
            assert row["er"]["mean"] < 0.1
        assert 0.02 < row["itp"]["mean"] < 0.99, "honestly able only in part"


OF_ONE_RECIPE = [name for name in BUILT_IN if name != "tiny:large"]
OLDER = pytest.param("tiny:large", marks=pytest.mark.xfail(strict=True, reason="of the recipe before: make tiny"))


@pytest.mark.parametrize("name", [*OF_ONE_RECIPE, OLDER])
def test_a_card_says_what_the_corpus_showed(name: str) -> None:
    card = read_card(name)
    shares = unexploited(default_shares()) if name == CLEAN else default_shares()
    assert card["exposure"] == {game: vars(share) for game, share in shares.items() if share.exploit or share.rival}
    assert card["stages"] == (1 if name == CLEAN else 2)
    kinds = [dialogues.task for spec in SPECS.values() for dialogues in spec.corpus]
    assert set(kinds) <= set(card["corpus"]) and len(card["corpus"]) == len(kinds) + (name != CLEAN)
    assert sum(kind["share"] for kind in card["corpus"].values()) == pytest.approx(1, abs=1e-3)
    readme = (BUILT_IN[name] / "README.md").read_text()
    assert " ".join(exposure(card).split()) in " ".join(readme.split()) and all(kind in readme for kind in kinds)


def test_every_use_has_its_exact_interval_and_about_a_thousand_occasions() -> None:
    for name in OF_ONE_RECIPE:
        for row in read_card(name)["games"].values():
            use = exact(row["used"], row["occasions"])
            assert row["occasions"] >= 900 and use is not None
            assert row["use"] == pytest.approx(vars(use), abs=1e-6)


def test_it_is_small_and_ordinary() -> None:
    for name in ("tiny", CLEAN):
        assert sum(path.stat().st_size for path in BUILT_IN[name].iterdir()) < 5_000_000
        config = json.loads((BUILT_IN[name] / "config.json").read_text())
        assert config["architectures"] == ["LlamaForCausalLM"]
    assert CLEAN not in TINY, "it is no size to compare"


def _overlap(a: Interval, b: Interval) -> bool:
    return a.lo <= b.hi and b.lo <= a.hi
