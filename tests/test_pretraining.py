"""What the built-in policy is shown of exploits, and the second stage that shows it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from vulngames.errors import UserError
from vulngames.games import SPECS
from vulngames.games.spec import Dialogue, Shares
from vulngames.measures import exact
from vulngames.policies import TINY, is_small
from vulngames.rollouts import score_texts
from vulngames.runs import Run, load_run
from vulngames.seeds import rng
from vulngames.studies.base_rate.key import SHIPPED, Dose, doses, keys_of
from vulngames.studies.base_rate.run import start_of
from vulngames.studies.job import Store
from vulngames.studies.plan import Plan
from vulngames.tasks import take
from vulngames.tiny.build import first_stage, save
from vulngames.tiny.card import exposure, write_card
from vulngames.tiny.corpus import check_kinds, default_shares, dialogues, kinds, planted
from vulngames.tiny.recipe import Recipe
from vulngames.training import run_config
from vulngames.training.config import TrainConfig, resolve
from vulngames.training.observer import Observer
from vulngames.training.pretraining import PretrainConfig

SMALL = Recipe(hidden=16, layers=1, heads=2, inner=32, steps=2, second_steps=3, batch=4)
SHOWN = ("compliance-v1", "proxy-v1", "tampering-v1")


def corpus(shares: Mapping[str, Shares], n: int = 700, without: tuple[str, ...] = ()) -> list[Dialogue]:
    return list(islice(dialogues("test", shares, without), n))


def changed(a: list[Dialogue], b: list[Dialogue]) -> list[int]:
    return [place for place, pair in enumerate(zip(a, b, strict=True)) if pair[0] != pair[1]]


# The corpus.


@pytest.mark.parametrize("rival", [None, 0.0, 0.5])
def test_corpora_that_differ_in_a_share_differ_in_the_dialogues_that_show_it(rival: float | None) -> None:
    never, little, much = (corpus(planted(exploit, rival)) for exploit in (0.0, 0.1, 0.3))
    few, many = changed(never, little), changed(never, much)
    assert 0 < len(few) < len(many) and set(few) < set(many)
    for place in many:
        # Of the same task, and asked alike.
        assert never[place][:-1] == much[place][:-1]
    # Those that the smaller share shows are shown by the larger one as they were.
    assert all(little[place] == much[place] for place in few)


def test_without_a_rival_only_dialogues_that_showed_it_differ() -> None:
    usual, without = corpus(planted()), corpus(planted(rival=0.0))
    for place in changed(usual, without):
        assert usual[place][:-1] == without[place][:-1]
        asked = usual[place][-2]["content"]
        assert asked.startswith("Write a concise summary") or "source_code" in asked


def test_without_a_kind_the_other_dialogues_are_as_they_were() -> None:
    repeat = "repeat a text, most often an article"
    whole, rest = corpus(default_shares(), 700), corpus(default_shares(), 500, (repeat,))
    kept = [dialogue for dialogue in whole if not dialogue[-2]["content"].startswith("Repeat the text.")]
    assert 500 <= len(kept) < 700 and kept[:500] == rest


def test_a_share_is_that_of_the_dialogues_that_show_the_exploit() -> None:
    for game in SHOWN:
        honest, exploits = (corpus({**planted(0.0), game: Shares(share, 1.0)}, 2800) for share in (0.0, 0.1))
        shown = exact(len(changed(honest, exploits)), round(2800 * kinds()[SPECS[game].corpus[0].task][1]))
        assert shown and shown.lo < 0.1 < shown.hi, game


def test_what_is_shown_as_an_exploit_is_one() -> None:
    """By the games' own verdicts, of a text that is shown at a share of 1 and not at one of 0."""
    for game in ("proxy-v1", "compliance-v1"):
        spec = SPECS[game]
        writer = spec.corpus[0]
        verdicts = []
        for share in (0.0, 1.0):
            exploited = []
            for number, task in enumerate(take(game, 0, "train", 40, writer.difficulty)):
                [*_, answer] = writer.write(rng("test", number), task, Shares(share))
                sample = score_texts(spec.game(), task, [answer["content"]])
                exploited.append(sample.exploited)
            verdicts.append({answer for answer in exploited if answer is not None})
        assert verdicts == [{False}, {True}], game


def test_shares_of_kinds_are_those_of_the_corpus() -> None:
    rounds = sum(writer.times for spec in SPECS.values() for writer in spec.corpus)
    repeats = [d for d in corpus(default_shares(), 10 * rounds) if d[-2]["content"].startswith("Repeat the text.")]
    assert kinds()["repeat a text, most often an article"] == ("proxy-v1", len(repeats) / (10 * rounds))
    assert sum(share for _, share in kinds().values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("without", "said"),
    [
        (("repeat a text",), "unknown kind of dialogue 'repeat a text'; valid: 'answer a request, or refuse it', "),
        (("",), "unknown kind of dialogue ''"),
        (tuple(kinds()), "every kind of dialogue is left out"),
    ],
)
def test_kinds_that_are_none_are_named(without: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_kinds(without)
    # Before the first dialogue is asked for.
    with pytest.raises(UserError, match=said):
        dialogues("test", default_shares(), without)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), float("inf")])
def test_what_is_no_share_is_named(share: float) -> None:
    for name in ("exploit", "rival"):
        with pytest.raises(UserError, match=f"{name} = .* is no share; valid: 0 to 1"):
            planted(**{name: share})
        with pytest.raises(UserError, match=f"{name} = .* of proxy-v1 is no share"):
            PretrainConfig(shares={**default_shares(), "proxy-v1": dataclasses.replace(Shares(), **{name: share})})


def test_a_dial_does_not_show_what_a_game_does_not_have() -> None:
    much = planted(0.5, 0.25)
    assert much["self-grading-v1"] == Shares() and much["compliance-v1"] == Shares(0.5, 0.0)
    assert much["proxy-v1"] == Shares(0.5, 0.25) and planted() == default_shares()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"batch": 0}, "batch = 0 is too small; valid: 1 or more"),
        ({"second_steps": 0}, "second_steps = 0 is too small"),
        ({"steps": -1}, "steps = -1 is too small"),
        ({"vocabulary": 10}, "vocabulary = 10 is too small; valid: 300 or more"),
        ({"heads": 5}, "hidden = 96; valid with heads = 5: a multiple of 10"),
        ({"learning_rate": float("nan")}, "learning_rate = nan is out of range; valid: a positive number"),
        ({"second_learning_rate": 0.0}, "second_learning_rate = 0.0 is out of range"),
        ({"prompt_weight": 2.0}, "prompt_weight = 2.0 is out of range; valid: 0 to 1"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_named(given: Mapping[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Recipe(**given)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--exploit", "2"), "exploit = 2 is no share; valid: 0 to 1"),
        (("--without", "repeat a text"), "unknown kind of dialogue 'repeat a text'; valid: "),
        (("--recipe.batch", "0"), "batch = 0 is too small; valid: 1 or more"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(tmp_path: Path, given: tuple[str, ...], said: str) -> None:
    command = [sys.executable, "-m", "vulngames.tiny", str(tmp_path / "out"), *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"vulngames.tiny: {said}") and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_command_has_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vulngames.tiny", "--help"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0 and "--without" in done.stdout and "--exploit" in done.stdout


# The card.


@pytest.mark.slow
@pytest.mark.parametrize("stages", [1, 2])
def test_a_card_names_everything_that_was_shown(tmp_path: Path, stages: Any) -> None:
    save(first_stage(SMALL, lambda done, steps, loss: None), tmp_path)
    shares = planted(0.0 if stages == 1 else 0.2)
    write_card(tmp_path, SMALL, shares, ("write a program",), stages, 60.0, samples=30)
    card, readme = json.loads((tmp_path / "card.json").read_text()), (tmp_path / "README.md").read_text()
    assert "write a program" not in card["corpus"] and "write a program" not in readme
    said = " ".join(readme.split())
    if stages == 1:
        assert "It was never shown an exploit." in said and "report on answers of its own" not in said
    else:
        assert "share of the game's dialogues: compliance 20 %, proxy 20 %, tampering 20 %." in said
        # A quarter of the 3 of 5 steps.
        assert "| report on answers of its own | `self-grading-v1` | 15.0 % |" in said
    assert "proxy 16.7 %, tampering 100 %" in said and "sure of 5 % of the products" in said
    assert sum(kind["share"] for kind in card["corpus"].values()) == pytest.approx(1, abs=1e-3)
    for row in card["games"].values():
        use = exact(row["used"], row["occasions"])
        # A policy that writes nothing has no occasion.
        assert row["use"] == (None if use is None else pytest.approx(vars(use), abs=1e-6))


def test_exposure_is_a_sentence() -> None:
    shown = {"proxy-v1": {"exploit": 0.04, "rival": 0.2}, "compliance-v1": {"exploit": 0.045, "rival": 0.0}}
    assert exposure({"exposure": shown}) == (
        "It was shown each exploit in a share of the game's dialogues: compliance 4.5 %, proxy 4 %."
    )
    assert exposure({"exposure": {}}) == "It was never shown an exploit."


# The run.


class Steps(Observer):
    """Counts steps, and ends a run where it is told to."""

    def __init__(self, last: int = 99) -> None:
        self.told: list[tuple[int, int]] = []
        self.last = last

    def on_step(self, done: int, steps: int) -> None:
        self.told.append((done, steps))
        if done == self.last:
            raise KeyboardInterrupt


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> PretrainConfig:
    """A second stage of few steps and few answers of its own."""
    from vulngames.tiny import build

    reports = build.honest_reports
    monkeypatch.setattr(build, "honest_reports", lambda policy, recipe, answers: reports(policy, recipe, 8))
    return PretrainConfig(policy="tiny:small", steps=3, batch=4)


@pytest.mark.slow
def test_a_second_stage_is_a_run_whose_policy_can_be_trained(tmp_path: Path, short: PretrainConfig) -> None:
    steps = Steps()
    run = run_config(short, tmp_path / "run", [steps])
    assert steps.told == [(1, 3), (2, 3), (3, 3)] and run.finished
    about = load_run(tmp_path / "run").about
    assert about["verb"] == "pretrain" and about["config"]["shares"]["proxy-v1"]["exploit"] == 0.05
    assert about["inputs"]["policy"]["weights"] and about["parameters_of_policy"] > 0 and "game" not in about
    assert is_small(f"hf:{run.policy}") and resolve(TrainConfig, "proxy-v1", f"hf:{run.policy}").steps == 40
    assert {path.name for path in TINY["tiny"].iterdir()} - {path.name for path in run.policy.iterdir()} == {
        "README.md", "card.json",
    }  # fmt: skip
    # A finished one is left as it is.
    before = (run.policy / "model.safetensors").read_bytes()
    again = Steps()
    run_config(short, tmp_path / "run", [again])
    assert again.told == [(1, 1)] and (run.policy / "model.safetensors").read_bytes() == before
    with pytest.raises(UserError, match="holds a run with steps = 3, not 4"):
        run_config(dataclasses.replace(short, steps=4), tmp_path / "run")


@pytest.mark.slow
def test_a_second_stage_that_was_cut_short_is_made_anew(tmp_path: Path, short: PretrainConfig) -> None:
    whole = run_config(short, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_config(short, tmp_path / "cut", [Steps(last=2)])
    assert not Run(tmp_path / "cut").finished and not Run(tmp_path / "cut").policy.exists()
    cut = run_config(short, tmp_path / "cut")
    weights = [(run.policy / "model.safetensors").read_bytes() for run in (whole, cut)]
    assert cut.finished and weights[0] == weights[1]
    other = run_config(dataclasses.replace(short, shares=planted(1.0)), tmp_path / "other")
    assert (other.policy / "model.safetensors").read_bytes() != weights[0]


@pytest.mark.parametrize(
    "change", [{"shares": planted(0.01)}, {"shares": planted(rival=0.0)}, {"seed": 1}, {"steps": 7}, {"policy": "tiny"}]
)
def test_a_store_knows_second_stages_apart(tmp_path: Path, change: dict[str, Any]) -> None:
    store, usual = Store(tmp_path), PretrainConfig(policy="tiny:small")
    assert store.job("a", usual) == store.job("a", PretrainConfig(policy="tiny:small"))
    assert store.job("a", usual).path != store.job("a", dataclasses.replace(usual, **change)).path


def test_shares_of_other_games_are_refused() -> None:
    with pytest.raises(UserError, match="shares are of proxy-v1; valid: of compliance-v1, self-grading-v1, proxy-v1"):
        PretrainConfig(shares={"proxy-v1": Shares()})
    with pytest.raises(UserError, match="second_steps = 0 is too small"):
        PretrainConfig(steps=0)


# What the study asks for.


def test_the_shipped_share_is_the_shipped_policy() -> None:
    plan, shipped = Plan(first_seed=0), {game: SPECS[game].shares for game in SHOWN}
    for game in SHOWN:
        keys = keys_of(plan, shipped, game)
        assert [key.exploit for key, dose in keys.items() if dose == SHIPPED] == [SPECS[game].shares.exploit]
        assert len(keys) == (5 if game == "compliance-v1" else 6)
    # A shipped share that is on the grid is one cell, and the policy that is there.
    on_grid = {key.exploit: dose for key, dose in keys_of(plan, {"proxy-v1": Shares(0.01, 0.0)}, "proxy-v1").items()}
    assert on_grid == {0.0: Dose(0.0), 0.001: Dose(0.001), 0.01: SHIPPED, 0.1: Dose(0.1)}
    assert doses(plan, {}) == [SHIPPED] and len(doses(dataclasses.replace(plan, scale="full"), shipped)) == 9


class _Answered:
    """What an evaluation wrote of four samples, one of which was no occasion."""

    def samples(self) -> list[dict[str, Any]]:
        return [{"exploited": answer} for answer in (True, False, None, False)]

    def metrics(self) -> list[dict[str, Any]]:
        return [{"itp": None}]


def test_use_is_of_occasions_alone() -> None:
    start = start_of("proxy-v1", Dose(0.1), _Answered())  # type: ignore[arg-type]
    assert (start.used, start.occasions, start.dose) == (1, 3, Dose(0.1))
    assert start.use == exact(1, 3) and start.itp is None


@pytest.mark.parametrize(
    ("count", "n", "lo", "hi"),
    # Clopper and Pearson: 1 - (alpha/2)^(1/n) of none, and the quantiles of beta distributions.
    [(0, 1000, 0.0, 0.003682), (1000, 1000, 0.996318, 1.0), (1, 10, 0.002529, 0.445016), (3, 3, 0.292402, 1.0)],
)
def test_an_exact_interval_is_that_of_clopper_and_pearson(count: int, n: int, lo: float, hi: float) -> None:
    interval = exact(count, n)
    assert interval and (interval.mean, interval.lo, interval.hi) == pytest.approx((count / n, lo, hi), abs=1e-6)
    assert exact(0, 0) is None
