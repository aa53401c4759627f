"""What studies find beyond their cells: where over-claiming stops, when an exploit is cured, which exploiters match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from made import Past, Rise, run_program
from vulngames.arm import Arm
from vulngames.files import write_json
from vulngames.games.self_grading import indifferent_rate
from vulngames.measures import Interval, plain
from vulngames.runs import Run
from vulngames.studies import stages
from vulngames.studies.audit_rate.advantage import reinforced_rate
from vulngames.studies.audit_rate.key import Crossing, Curve, Key
from vulngames.studies.audit_rate.run import crossing_of
from vulngames.studies.correction import key as correction
from vulngames.studies.correction.run import _cured, _match, _nearest, _relapse_after, cured_step
from vulngames.studies.job import Job
from vulngames.studies.plan import Plan
from vulngames.studies.summary import read_summary
from vulngames.training.config import SFTConfig, TrainConfig, resolve

Triple = tuple[float, float, float]
"""Mean, lower and upper bound."""


def run_at(path: Path, er: Sequence[Triple | float | None], itp: Sequence[float | None] = ()) -> Path:
    """A finished run evaluated every 5 steps; a number is an interval of 0.05 to either side."""
    path.mkdir(parents=True)
    run = Run(path)
    write_json(path / "run.json", {"format": 1, "config": {}, "finished": True})
    for place, value in enumerate(er):
        score = itp[place] if itp else 0.5
        run.add_metrics({"step": 5 * place, "er": _plain(value), "itp": _plain(score), "n": 1, "failed": 0})
    return path


def _plain(value: Triple | float | None) -> dict[str, float] | None:
    if value is None:
        return None
    return plain(Interval(*value) if isinstance(value, tuple) else Interval(value, value - 0.05, value + 0.05))


SEEDS = 12
"""Runs that agree, at this many, exclude one half by their interval over seeds from means of 0.3 and of 0.7 on."""


def crossing(
    tmp_path: Path,
    points: Mapping[float, Triple | Sequence[Triple] | None],
    itp: float | None = 0.4,
    curve: Curve = Curve(None, True),
    seeds: int = SEEDS,
) -> Crossing:
    """The crossing of a curve with these ERs at audit rates, alike in every seed where only one is given."""
    arms = {}
    for rate, er in points.items():
        of_seeds = er if isinstance(er, list) else [er] * seeds
        paths = [run_at(tmp_path / f"{rate}-{seed}", [0.1, value], [0.9, itp]) for seed, value in enumerate(of_seeds)]
        arms[Key(rate, curve.announced_rate, curve.normalized)] = Arm("self-grading-v1", "", tuple(paths))
    return crossing_of(curve, arms)


def exactly(er: float) -> Triple:
    """ER without an error of sampling."""
    return (er, er, er)


NONE, FEW, HALF, MORE, MOST, ALL = map(exactly, (0.0, 0.1, 0.5, 0.6, 0.9, 1.0))


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        # The mean goes through one half a third of the way from 0.1 to 0.2, and both exclude it.
        ({0.0: ALL, 0.1: MOST, 0.2: exactly(0.3), 1.0: FEW}, (0.166667, 0.1, 0.2)),
        # A point whose interval holds one half bounds nothing: by its samples, or by its seeds alone.
        (
            {0.0: ALL, 0.05: (0.8, 0.6, 0.95), 0.1: (0.7, 0.2, 0.9), 0.2: (0.3, 0.1, 0.8), 0.5: (0.1, 0.0, 0.4)},
            (0.15, 0.05, 0.5),
        ),
        ({0.0: ALL, 0.1: MORE, 0.2: exactly(0.4), 0.3: NONE}, (0.15, 0.0, 0.3)),
        # Nor does one beyond such a point, however far from one half.
        ({0.0: ALL, 0.1: MORE, 0.2: ALL, 0.3: NONE}, (0.25, 0.0, 0.3)),
        ({0.0: ALL, 0.1: NONE, 0.2: exactly(0.4), 0.3: NONE}, (0.05, 0.0, 0.3)),
        # What lies between points of the grid is not supposed.
        ({0.0: ALL, 1.0: NONE}, (0.5, 0.0, 1.0)),
        # No point excludes one half: the bounds are the ends of what a rate can be, not of the grid.
        ({0.1: (0.6, 0.4, 0.9), 0.5: (0.4, 0.2, 0.7)}, (0.3, 0.0, 1.0)),
        # It falls for good only the second time.
        ({0.0: MOST, 0.1: exactly(0.4), 0.2: MOST, 0.4: FEW}, (0.3, 0.0, 0.4)),
        # One half itself is not yet below.
        ({0.0: MOST, 0.1: MOST, 0.5: HALF, 0.9: FEW}, (0.5, 0.1, 0.9)),
        # A rate at which nothing was measured is left out.
        ({0.0: ALL, 0.1: ALL, 0.3: None, 0.5: NONE}, (0.3, 0.1, 0.5)),
        ({0.0: (0.9, 0.8, 1.0), 1.0: (0.6, 0.5, 0.7)}, None),
        ({0.0: (0.9, 0.8, 1.0), 1.0: (0.5, 0.4, 0.6)}, None),
        ({0.0: (0.4, 0.3, 0.5), 1.0: (0.1, 0.0, 0.2)}, None),
        ({0.0: MOST, 0.1: exactly(0.2), 1.0: MORE}, None),
        ({0.0: None, 1.0: None}, None),
        ({}, None),
    ],
)
def test_where_over_claiming_falls_through_one_half(
    tmp_path: Path, points: dict[float, Triple | None], expected: Triple | None
) -> None:
    found = crossing(tmp_path, points).crossing
    assert (found and (found.mean, found.lo, found.hi)) == (expected and pytest.approx(expected, abs=1e-4))
    # As a file holds it.
    assert found is None or plain(found) == vars(found)


def test_where_over_claiming_falls_is_known_by_seeds_and_not_by_samples_alone(tmp_path: Path) -> None:
    points: dict[float, Any] = {0.0: ALL, 0.1: MOST, 0.2: FEW, 1.0: NONE}
    bounds = {}
    for seeds in (2, 5, 12):
        found = crossing(tmp_path / str(seeds), points, seeds=seeds).crossing
        assert found and found.mean == pytest.approx(0.15)
        bounds[seeds] = (found.lo, found.hi)
    assert bounds == {2: (0.0, 1.0), 5: (0.0, 1.0), 12: (0.1, 0.2)}
    # Seeds that do not agree, of the same mean as others that do.
    apart = crossing(tmp_path / "apart", {**points, 0.1: [ALL] * 9 + [NONE] * 3}).crossing
    alike = crossing(tmp_path / "alike", {**points, 0.1: exactly(0.75)}).crossing
    assert apart and alike and (apart.mean, apart.lo, alike.lo) == (alike.mean, 0.0, 0.1)


def test_the_closed_form_is_that_of_the_share_of_right_answers(tmp_path: Path) -> None:
    found = crossing(tmp_path, {0.0: (0.9, 0.9, 0.9), 1.0: (0.1, 0.1, 0.1)}, itp=0.4)
    assert (found.right, found.expected) == (0.4, round(indifferent_rate(0.4), 4)) == (0.4, 0.25)
    assert found.reinforced == (round(reinforced_rate(0.4, True), 4), round(reinforced_rate(0.0, True), 4))
    centred = crossing(tmp_path / "centred", {0.0: (0.9, 0.9, 0.9)}, itp=0.4, curve=Curve(None, False))
    assert centred.reinforced == pytest.approx((0.25, 1 / 7), abs=1e-4)
    unknown = crossing(tmp_path / "unknown", {0.0: (0.9, 0.9, 0.9), 1.0: (0.1, 0.1, 0.1)}, itp=None)
    assert unknown.crossing and (unknown.right, unknown.expected, unknown.reinforced) == (None, None, None)


def test_every_curve_has_the_crossing_of_its_own_numbers(tmp_path: Path) -> None:
    # Each falls from 0.9 to 0.1 after another audit rate.
    last = {(None, True): 0.1, (0.5, True): 0.2, (1.0, True): 0.3, (None, False): 0.15}
    between = {(None, True): 0.125, (0.5, True): 0.25, (1.0, True): 0.65, (None, False): 0.175}

    def er(past: Past) -> Rise:
        config = past.config
        assert isinstance(config, TrainConfig)
        curve = (config.parameters.get("announced_rate"), config.normalize)
        return Rise(0.0, 0.9 if config.parameters["audit_rate"] <= last[curve] else 0.1)

    run_program("audit-rate", Plan(first_seed=0, seeds=2), tmp_path, er, lambda past: Rise(0.4, 0.4), ())
    findings = read_summary(tmp_path).findings
    middles = {(each.announced_rate, each.normalized): each.crossing.mean for each in findings.crossings}
    assert middles == pytest.approx(between, abs=1e-3)


@pytest.mark.parametrize(
    ("er", "step"),
    [
        ([0.9, 0.5, 0.04, 0.02, 0.0], 10),
        # For good.
        ([0.9, 0.04, 0.5, 0.04, 0.0], 15),
        ([0.9, 0.04, 0.02, 0.06], None),
        ([0.9, 0.8, 0.7], None),
        # At 5 % it is.
        ([0.9, 0.05, 0.05], 5),
        ([0.9, 0.0501, 0.0501], None),
        # Below zero, where ER is a difference, it is as far from zero.
        ([0.9, -0.2, -0.04, -0.05], 10),
        ([0.0, 0.0], 0),
        ([0.9, 0.9, 0.02], 10),
        # What could not be measured is left out.
        ([0.9, None, 0.02, None, 0.01], 10),
        ([0.9, 0.02, None], 5),
        ([None, None], None),
        ([], None),
    ],
)
def test_when_an_exploit_is_cured(tmp_path: Path, er: list[float | None], step: int | None) -> None:
    assert cured_step(Arm("compliance-v1", "", (run_at(tmp_path / "run", er),))) == step


def job(path: Path, er: float | None, share: float | None = None) -> Job:
    """A finished job with this ER at its end, on transcripts if it has a share."""
    run_at(path, [0.7, er])
    if share is None:
        return Job(path, resolve(TrainConfig, "proxy-v1"))
    return Job(path, resolve(SFTConfig, "proxy-v1", exploit="e", honest="h", share=share))


def jobs(folder: Path, *ers: float | None, share: float | None = None) -> list[Job]:
    return [job(folder / str(seed), er, share) for seed, er in enumerate(ers)]


@pytest.mark.parametrize(
    ("exploiter", "students", "nearest"),
    [
        (0.9, (0.5, 0.85), 1),
        (0.5, (0.45, 0.9), 0),
        # Above counts as below does, and of two as near the first is taken.
        (0.5, (0.4, 0.55), 1),
        (0.5, (0.6, 0.4), 0),
        (0.9, (None, 0.1), 1),
        (0.9, (0.1, None), 0),
        (0.9, (None, None), 1),
        (None, (0.9, 0.1), 1),
    ],
)
def test_which_student_is_matched_with_an_exploiter(
    tmp_path: Path, exploiter: float | None, students: Sequence[float | None], nearest: int
) -> None:
    taught = jobs(tmp_path / "students", *students)
    assert _nearest(job(tmp_path / "exploiter", exploiter), taught) is taught[nearest]


def test_exploiters_are_matched_in_every_seed(tmp_path: Path) -> None:
    def match(name: str, rl: Sequence[float | None], sft: Sequence[float | None]) -> correction.Match:
        folder = tmp_path / name
        policies: dict[tuple[str, correction.Origin], Sequence[Job]] = {
            ("g", "rl"): jobs(folder / "rl", *rl),
            ("g", "sft"): jobs(folder / "sft", *sft, share=0.25),
        }
        return _match("g", policies)

    # Seeds that differ both ways are no match for being equal on average.
    assert not match("opposite", (0.9, 0.3, 0.9), (0.6, 0.9, 0.6)).matched
    near = match("near", (0.9, 0.8), (0.95, 0.72))
    assert near.matched and near.gap == pytest.approx(0.08)
    assert near.pairs == (correction.Pair(0.9, 0.95, 0.25), correction.Pair(0.8, 0.72, 0.25))
    far = match("far", (0.9, 0.5), (0.9, 0.61))
    assert not far.matched and far.gap == pytest.approx(-0.11)
    assert (match("unknown", (0.9, None), (0.9, 0.9)).gap, match("none", (), ()).gap) == (None, None)
    assert _match("g", {}) == correction.Match("g", None, False, ())


def test_cured_is_judged_in_every_seed_by_what_never_exploited(tmp_path: Path) -> None:
    def cured(name: str, corrected: Sequence[float | None], never: Sequence[float | None]) -> list[bool]:
        conditions: dict[correction.Key, Sequence[Job]] = {
            correction.Key("g", "rl", "patched rule"): jobs(tmp_path / name / "rl", *corrected),
            correction.Key("g", "never", "patched rule"): jobs(tmp_path / name / "never", *never),
            # Of the other method, and of no account.
            correction.Key("g", "never", "honest transcripts"): jobs(tmp_path / name / "other", *[0.9] * len(never)),
        }
        return _cured(conditions, correction.Key("g", "rl", "patched rule"))

    # No further above the policy that never exploited than 0.05, and a control below zero is no stricter than zero.
    assert cured("measured", (0.26, 0.3, 0.04, 0.06), (0.24, 0.24, -0.1, -0.1)) == [True, False, True, False]
    assert cured("unknown", (None, 0.04, 0.06), (0.0, None, None)) == [False, True, False]


@pytest.mark.parametrize(
    ("rl", "sft", "method"),
    [
        ((0.02, 0.02), (0.02, 0.02), "patched rule"),
        ((0.02, 0.5), (0.02, 0.02), "honest transcripts"),
        ((0.02, 0.02), (0.5, 0.02), "honest transcripts"),
        ((0.5, 0.5), (0.5, 0.5), "honest transcripts"),
        ((0.02, None), (0.02, 0.02), "honest transcripts"),
    ],
)
def test_only_what_was_cured_is_trained_under_the_flaw_again(
    tmp_path: Path, rl: Sequence[float | None], sft: Sequence[float | None], method: str
) -> None:
    conditions: dict[correction.Key, Sequence[Job]] = {
        correction.Key("g", "rl", "patched rule"): jobs(tmp_path / "rl", *rl),
        correction.Key("g", "sft", "patched rule"): jobs(tmp_path / "sft", *sft),
        correction.Key("g", "never", "patched rule"): jobs(tmp_path / "never", 0.0, 0.0),
    }
    assert _relapse_after(conditions, "g") == method


def test_a_recovery_is_that_of_its_own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "EXAMPLES", 64)
    steps = stages.second_steps(Plan(first_seed=0), "proxy-v1")

    def er(past: Past) -> Rise:
        config, before = past.config, past.before
        if isinstance(config, SFTConfig) and config.share == 0:
            return Rise(0.9, 0.03, at=1.0)
        if before and getattr(config, "patched", False):
            if isinstance(before.config, SFTConfig):
                return Rise(0.9, 0.02, at=0.5)
            return Rise(0.0, 0.0) if getattr(before.config, "patched", False) else Rise(0.9, 0.4)
        return Rise(0.0, 0.9)

    def itp(past: Past) -> Rise:
        return Rise(0.6, 0.3) if getattr(past.config, "patched", False) else Rise(0.5, 0.7)

    run_program("correction", Plan(first_seed=0, games=("proxy-v1",), seeds=2), tmp_path, er, itp, ("proxy-v1",))
    findings = read_summary(tmp_path).findings
    sft, rl = (findings.recovery("proxy-v1", origin, "patched rule") for origin in ("sft", "rl"))
    every = stages.eval_every(steps)
    assert sft.cured_step == (every * -(-steps // 2 // every),) * 2 and rl.cured_step == (None, None)
    assert sft.lowest_itp == (pytest.approx(0.299), pytest.approx(0.3))
    assert (sft.er_left.mean, rl.er_left.mean) == (pytest.approx(0.0195), pytest.approx(0.3995))
    honest = findings.recovery("proxy-v1", "rl", "honest transcripts")
    assert honest.cured_step == (2, 2) and honest.cured == (True, True) and honest.er_left.mean == pytest.approx(0.0295)
    assert findings.relapse_after == {"proxy-v1": "honest transcripts"}
