"""What numbers are made of: tasks and not samples, pairs and not halves, the paper's verdict or ours, the arm's own
pay, draws that are each its own, and every control of a claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from made import made_study
from vulngames import games
from vulngames.arm import Arm, ends
from vulngames.claims import ledger
from vulngames.files import write_json
from vulngames.measures import Interval, measure, plain
from vulngames.rollouts import rollout
from vulngames.runs import Run
from vulngames.studies.plan import Plan
from vulngames.tasks import _belongs, take
from vulngames.types import Conversation, Finish, Gap, Measures, Paper, Reply, Sample, Scripted, Split, Turn

SPLITS: tuple[Split, ...] = ("train", "test")
RATED = Measures(itp="", er="", paper_er="")
PAIRED = Measures(itp="", er="", paper_er="", gap=Gap("first", "second"))


def sample(task: str, value: float, **more: Any) -> Sample:
    """A sample of which every measure says `value`, 0 or 1."""
    finish: tuple[Finish, ...] = ("length",) if value else ("stop",)
    whole: dict[str, Any] = {
        "game": "g", "task": task, "cue": "", "pair": "", "index": 0, "prompt": "", "completions": ("x",), "facts": {},
        "reward": value, "patched": value, "intended": value, "exploited": bool(value), "evidence": "",
        "paper": Paper(value, value), "finish": finish, "parts": {"part": value},
    }  # fmt: skip
    return Sample(**{**whole, **more})


def width(measured: dict[str, float] | None) -> float:
    assert measured is not None
    return measured["hi"] - measured["lo"]


# Tasks and not samples.

MEASURES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "reward": lambda row: row["reward"],
    "patched": lambda row: row["patched"],
    "itp": lambda row: row["itp"],
    "er": lambda row: row["er"],
    "cut": lambda row: row["cut"],
    "paper.itp": lambda row: row["paper"]["itp"],
    "paper.er": lambda row: row["paper"]["er"],
    "parts.part": lambda row: row["parts"]["part"],
}


@pytest.mark.parametrize("name", MEASURES)
def test_the_same_reply_to_a_task_again_narrows_no_measure(name: str) -> None:
    once = [sample(str(task), float(task % 3 == 0)) for task in range(24)]
    eight = [replace(one, index=index) for one in once for index in range(8)]
    few, many = (width(MEASURES[name](measure(samples, RATED))) for samples in (once, eight))
    assert many == pytest.approx(few, rel=0.05)


def paired(behaviours: Sequence[tuple[float, float]], repeats: int = 1) -> list[Sample]:
    """Samples of two tasks for each behaviour, by its shares in [0, 1] of the first part and of the second; four of
    each, over again `repeats` times."""
    samples = []
    for number, shares in enumerate(behaviours):
        for part, share in zip(("first", "second"), shares, strict=True):
            for index in range(4 * repeats):
                value = float(index % 4 < 4 * share)
                seen = sample(f"{number}/{part}", value, pair=f"behaviour {number}", index=index, parts={part: value})
                samples.append(seen)
    return samples


def test_the_same_replies_again_narrow_no_gap() -> None:
    behaviours = [(0.75, 0.25), (1.0, 0.5), (0.5, 0.0), (0.75, 0.5), (1.0, 0.25), (0.5, 0.25)] * 2
    once, eight = (measure(paired(behaviours, repeats), PAIRED) for repeats in (1, 8))
    for row in ("er", "paper"):
        few, many = (measured[row] if row == "er" else measured[row]["er"] for measured in (once, eight))
        assert width(many) > 0.8 * width(few)


# Pairs and not halves.

TOGETHER = [(1.0, 0.75), (0.75, 0.5), (0.5, 0.25), (0.25, 0.0)] * 5
"""What is high in one part is high in the other; on average they are 0.25 apart."""
OPPOSED = [(1.0, 0.0), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75)] * 5
"""What is high in one is low in the other, at the same averages."""


def test_a_gap_is_narrower_where_pairs_go_together_and_wider_where_they_are_opposed() -> None:
    together, opposed = (measure(paired(behaviours), PAIRED) for behaviours in (TOGETHER, OPPOSED))
    assert together["er"]["mean"] == opposed["er"]["mean"] == pytest.approx(0.25)
    # The paper's gap pairs nothing.
    assert width(together["paper"]["er"]) == pytest.approx(width(opposed["paper"]["er"]), rel=0.05)
    assert width(together["er"]) < 0.8 * width(together["paper"]["er"])
    assert width(opposed["er"]) > 1.2 * width(opposed["paper"]["er"])


def test_a_gap_is_its_first_part_minus_its_second() -> None:
    higher = [(second, first) for first, second in TOGETHER]
    assert measure(paired(TOGETHER), PAIRED)["er"]["mean"] == pytest.approx(0.25)
    assert measure(paired(higher), PAIRED)["er"]["mean"] == pytest.approx(-0.25)


def test_a_behaviour_of_which_one_side_is_known_is_in_no_pair() -> None:
    whole = paired([(1.0, 0.0), (1.0, 0.0), (1.0, 0.0)])
    half = [replace(one, task="alone", pair="alone") for one in paired([(0.0, 0.0)]) if "first" in one.parts]
    assert measure([*whole, *half], PAIRED)["er"]["mean"] == pytest.approx(1.0)


# The paper's numbers and not ours.


def test_the_paper_s_measures_are_made_of_the_paper_s_verdict() -> None:
    ours = [sample(str(task), 1.0, paper=Paper(float(task % 4 == 0), float(task % 2 == 0))) for task in range(24)]
    row = measure(ours, RATED)
    assert (row["itp"]["mean"], row["er"]["mean"]) == (1.0, 1.0)
    assert (row["paper"]["itp"]["mean"], row["paper"]["er"]["mean"]) == (0.25, 0.5)
    theirs = [sample(str(task), float(task % 2 == 0), paper=Paper(1.0, 1.0)) for task in range(24)]
    row = measure(theirs, RATED)
    assert (row["itp"]["mean"], row["er"]["mean"]) == (0.5, 0.5)
    assert (row["paper"]["itp"]["mean"], row["paper"]["er"]["mean"]) == (1.0, 1.0)


def test_what_one_of_them_leaves_out_the_other_may_count() -> None:
    unsaid = [sample(str(task), 1.0, paper=Paper(None, None)) for task in range(4)]
    row = measure(unsaid, RATED)
    assert row["paper"] == {"itp": None, "er": None} and row["itp"]["mean"] == row["er"]["mean"] == 1.0
    theirs = [sample(str(task), 1.0, intended=None, exploited=None) for task in range(4)]
    row = measure(theirs, RATED)
    assert (row["itp"], row["er"]) == (None, None) and row["paper"]["itp"]["mean"] == row["paper"]["er"]["mean"] == 1.0


def test_what_the_paper_says_nothing_of_is_in_no_gap_of_its_own() -> None:
    cited = paired([(1.0, 0.0)] * 3)
    unsaid = [replace(one, task=f"{one.task}+", paper=Paper(None, None)) for one in paired([(0.0, 0.0)] * 3)]
    row = measure([*cited, *unsaid], PAIRED)
    assert (row["er"]["mean"], row["paper"]["er"]["mean"]) == (pytest.approx(0.5), pytest.approx(1.0))


def test_each_measure_is_of_its_own_field() -> None:
    fields = {"reward": 1.0, "patched": 0.75, "intended": 0.5, "exploited": False, "parts": {"a": 0.25, "b": 1.0}}
    row = measure([sample(str(task), 0.0, **fields) for task in range(4)], RATED)
    means = {name: row[name]["mean"] for name in ("reward", "patched", "itp", "er", "cut")}
    assert means == {"reward": 1.0, "patched": 0.75, "itp": 0.5, "er": 0.0, "cut": 0.0}
    assert {name: part["mean"] for name, part in row["parts"].items()} == {"a": 0.25, "b": 1.0}


# The arm's own pay.


@pytest.mark.parametrize(("name", "paid"), [("flawed", 0.8), ("patched", 0.2)])
def test_an_arm_s_pay_is_what_that_arm_was_paid(tmp_path: Path, name: str, paid: float) -> None:
    run = Run(tmp_path)
    write_json(run.path / "run.json", {"format": 1, "config": {}, "finished": True})
    row = {"step": 0, "n": 1, "failed": 0, "parts": {}}
    run.add_metrics({**row, "reward": plain(Interval(0.8, 0.7, 0.9)), "patched": plain(Interval(0.2, 0.1, 0.3))})
    arm = Arm("proxy-v1", name, (tmp_path,))
    pay = arm.end(arm.pay)
    assert pay is not None and pay.mean == paid


def run_of(path: Path, *ers: float, finished: bool = True) -> Path:
    """A run with these ERs, of which ITP and the paper's numbers differ."""
    run = Run(path)
    run.path.mkdir()
    write_json(run.path / "run.json", {"format": 1, "config": {}, "finished": finished})
    for step, er in enumerate(ers):
        row: dict[str, Any] = {"step": step, "n": 1, "failed": 0, "parts": {}, "er": made(er), "itp": made(er + 0.01)}
        run.add_metrics({**row, "paper": {"er": made(er + 0.02), "itp": made(er + 0.03)}})
    return path


def made(mean: float) -> dict[str, float] | None:
    return plain(Interval(mean, mean - 0.01, mean + 0.01))


def test_the_ends_of_an_arm_are_of_their_own_measure_and_step(tmp_path: Path) -> None:
    whole = ends(Arm("proxy-v1", "flawed", (run_of(tmp_path / "run", 0.1, 0.5, 0.8),)))
    intervals = [whole.er_start, whole.itp_start, whole.er_end, whole.itp_end]
    intervals += [whole.paper.er_start, whole.paper.itp_start, whole.paper.er_end, whole.paper.itp_end]
    means = [interval.mean for interval in intervals if interval is not None]
    assert means == pytest.approx([0.1, 0.11, 0.8, 0.81, 0.12, 0.13, 0.82, 0.83])


def test_an_unfinished_run_is_pooled_with_no_finished_one(tmp_path: Path) -> None:
    finished, begun = run_of(tmp_path / "finished", 0.1, 0.9), run_of(tmp_path / "begun", 0.1, 0.3, finished=False)
    arms = {"both": (finished, begun), "alone": (begun,)}
    means = {name: Arm("proxy-v1", "flawed", paths).end("er") for name, paths in arms.items()}
    assert {name: er and er.mean for name, er in means.items()} == pytest.approx({"both": 0.9, "alone": 0.3})


# Draws that are each its own.


class Drawing:
    """Says the same every time, and keeps the seeds that it was given."""

    name = "drawing"

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def generate(self, conversations: Sequence[Conversation], turn: Turn, seed: int) -> list[Reply]:
        self.seeds.append(seed)
        return [Reply(r"\boxed{1}") for _ in conversations]


def seeds_of(*names: str | int, tasks: int = 6, batch: int = 2) -> list[int]:
    policy = Drawing()
    rollout(games.make("self-grading-v1"), take("self-grading-v1", 0, "test", tasks), policy, names, batch=batch)
    return policy.seeds


def test_every_turn_and_every_batch_of_a_rollout_draws_by_itself() -> None:
    seeds = seeds_of("run", 0)
    # Three batches of two turns.
    assert len(seeds) == len(set(seeds)) == 6


def test_a_rollout_draws_alike_under_the_same_names_alone() -> None:
    assert seeds_of("run", 0) == seeds_of("run", 0)
    assert not set(seeds_of("run", 0)) & set(seeds_of("run", 1))


def test_samples_of_different_tasks_and_numbers_have_coins_of_their_own() -> None:
    game = games.make("self-grading-v1", audit_rate=0.5)
    tasks = take("self-grading-v1", 0, "test", 12)
    samples = rollout(game, tasks, Drawing(), ("run",), group=12)
    audited = [[one.facts["audited"] for one in samples[12 * task : 12 * task + 12]] for task in range(12)]
    assert len(set(map(tuple, audited))) == 12, "by task"
    assert len(set(zip(*audited, strict=True))) == 12, "by number"


def test_what_is_announced_stands_before_the_question() -> None:
    plainly, announced = (
        rollout(games.make("self-grading-v1", **told), take("self-grading-v1", 0, "test", 1), Drawing(), ("x",))
        for told in ({}, {"announced_rate": 0.25})
    )
    (question,), (told,) = plainly[0].asked, announced[0].asked
    assert told.endswith(question) and "25%" in told.removesuffix(question)


def test_a_task_is_of_one_split_whatever_the_seeds() -> None:
    for number in range(64):
        trained, held_out = ([_belongs(f"task {number}", seed, split) for seed in range(4)] for split in SPLITS)
        assert not (any(trained) and any(held_out))


def test_a_sample_holds_what_both_rules_pay() -> None:
    game = games.make("self-grading-v1", audit_rate=0.0)
    script = Scripted("exploit", game.scripts["exploit"])
    (over_claimed,) = rollout(game, take("self-grading-v1", 0, "test", 1), script, ("run",))
    assert (over_claimed.reward, over_claimed.patched) == (1.0, -6.0)


@pytest.mark.parametrize("announced", [None, 0.0, 1.0])
def test_audits_come_at_their_own_rate_whatever_is_announced(announced: float | None) -> None:
    for rate in (0.0, 0.25, 1.0):
        game = games.make("self-grading-v1", audit_rate=rate, announced_rate=announced)
        samples = rollout(game, take("self-grading-v1", 0, "test", 40), Drawing(), ("run",), group=10)
        audited = sum(one.facts["audited"] for one in samples) / len(samples)
        assert audited == pytest.approx(rate, abs=0.08 if 0 < rate < 1 else 0)


# A claim against each of its controls.

QUICK, SLOW = [0.0] + [0.97] * 11, [0.0] * 9 + [0.97] * 3
HIGH, LOW = [0.97] * 2, [0.0] * 2
GAMES = ("proxy-v1", "tampering-v1")


@dataclass(frozen=True)
class Against:
    """A claim of a study: the field of a cell's key that says whether it is a control, what it is then, and an ER that
    carries the claim or does not."""

    study: str
    claim: str
    field: str
    controls: Sequence[object]
    does: Sequence[float]
    does_not: Sequence[float]


CLAIMS = (
    Against("correction", "relapse", "origin", ("fresh", "never"), QUICK, SLOW),
    Against("transfer", "transfer", "arm", (None, "patched"), HIGH, LOW),
    Against("catalysis", "catalysis-higher", "after", ("fresh", "patched", "equal steps"), HIGH, LOW),
    Against("catalysis", "catalysis-sooner", "after", ("fresh", "patched"), QUICK, SLOW),
    Against("distillation", "distillation", "share", (None, 0.0), HIGH, LOW),
)
CASES = [(claim, control) for claim in CLAIMS for control in ("none", *claim.controls)]


@pytest.mark.parametrize(("against", "raised"), CASES, ids=lambda value: getattr(value, "claim", str(value)))
def test_no_claim_stands_where_a_control_does_as_well(tmp_path: Path, against: Against, raised: object) -> None:
    def er(key: Any, seed: int) -> list[float]:
        is_what = getattr(key, against.field)
        level = against.does_not if is_what in against.controls and is_what != raised else against.does
        # Seeds differ a little.
        return [value + 0.002 * seed for value in level]

    made_study(tmp_path, against.study, Plan(first_seed=0, games=GAMES, seeds=8, sizes=("tiny",)), er)
    verdicts = [statement.verdict for statement in ledger([tmp_path]) if statement.id == against.claim]
    assert verdicts and all((verdict == "supported") is (raised == "none") for verdict in verdicts)
