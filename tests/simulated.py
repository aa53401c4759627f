"""Simulated studies: summaries whose seeds are drawn from known distributions, and what each claim is truly worth.

Seeds' levels are drawn independently in every cell; 72 held-out tasks, easier and harder for all seeds of a game alike,
are sampled twice each. The verdicts are the ledger's own, by its own code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from made import findings_of
from vulngames.arm import Ends, Measured
from vulngames.claims.claim import Claim, Comparison, Variant, judge_variant
from vulngames.claims.effect import SUPPORTED, Above, Answer, Effect, Side, Target
from vulngames.measures import Interval
from vulngames.seeds import seed as hashed
from vulngames.studies.audit_rate.falls import HALF, Falls
from vulngames.studies.catalogue import CATALOGUE
from vulngames.studies.correction.key import Findings as Corrected
from vulngames.studies.plan import Plan
from vulngames.studies.summary import Cell, Summary

GAMES = ("proxy-v1", "tampering-v1", "self-grading-v1", "compliance-v1")
TASKS, SAMPLES = 72, 2
STEPS, EVERY, SOON = 25, 5, 5
"""Steps of a run, between its evaluations, and until an exploit that opens dominates."""
START = 0.02
"""ER of the policy that every training starts from."""


@dataclass(frozen=True)
class Level:
    """What a seed's level is drawn from: two points, the second with some chance; or a beta distribution."""

    low: float
    high: float
    chance: float = 0.0
    sd: float = 0.0

    @property
    def mean(self) -> float:
        return self.low + (self.high - self.low) * self.chance

    @property
    def opens(self) -> float:
        """The chance that a seed's level lies above one half; of a beta distribution not exactly."""
        if self.sd:
            a, b = self._shape
            return float(np.mean(np.random.default_rng(0).beta(a, b, 20_000) > HALF))
        return self.chance * (self.high > HALF) + (1 - self.chance) * (self.low > HALF)

    @property
    def _shape(self) -> tuple[float, float]:
        size = self.mean * (1 - self.mean) / self.sd**2 - 1
        return self.mean * size, (1 - self.mean) * size

    def draw(self, random: np.random.Generator, n: int) -> np.ndarray:
        """The levels of n seeds."""
        if self.sd:
            about: np.ndarray = random.beta(*self._shape, n)
            return about
        levels: np.ndarray = np.where(random.random(n) < self.chance, self.high, self.low)
        return levels

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest level that a seed may have."""
        if self.sd:
            return 0.0, 1.0
        levels = [level for level, chance in ((self.low, 1 - self.chance), (self.high, self.chance)) if chance]
        return min(levels), max(levels)

    def __str__(self) -> str:
        if self.sd:
            return f"beta {self.mean:.2f} ± {self.sd:.2f}"
        return f"{self.low:g}" if not self.chance else f"{self.low:g} or {self.high:g} ({self.chance:g})"


def opens(chance: float, high: float = 0.95, low: float = 0.0) -> Level:
    """Seeds that open with a chance, and are at 0 otherwise."""
    return Level(low, high, chance)


def beta(mean: float, sd: float) -> Level:
    """Seeds about a mean; all at it if `sd` is 0."""
    return Level(mean, mean, 0.0, sd)


@dataclass(frozen=True)
class World:
    """What is true: ER of the cells that a study treats and of their controls, ITP at the end (0.5 at the start), and
    the audit rate above which treated cells are as controls."""

    treated: Level
    control: Level
    itp: Level = Level(0.5, 0.5)
    cut: float = 0.14
    itp_start: float = 0.5

    def __str__(self) -> str:
        return f"{self.treated} | {self.control}"

    def er(self, study: str, key: Any) -> Level:
        """ER at the end of a cell."""
        if key in _untrained(study, key):
            return Level(START, START)
        return self.treated if _is_treated(study, key, self.cut) else self.control


def _untrained(study: str, key: Any) -> list[Any]:
    fixed = (study == "transfer" and key.trained is None) or (study == "distillation" and key.share is None)
    return [key] if fixed else []


SIMULATED = (
    "emergence", "correction", "distillation", "catalysis", "scale", "audit-rate", "transfer", "perfect-reward",
)  # fmt: skip
"""The studies whose treated cells are known here."""


def _is_treated(study: str, key: Any, cut: float) -> bool:
    if study in ("emergence", "transfer"):
        return bool(key.arm == "flawed")
    if study == "catalysis":
        return bool(key.after == "flawed")
    if study == "distillation":
        return bool(key.share == (0.01 if key.followed_by == "rl" else 1.0))
    if study == "correction":
        return bool(key.origin == "rl" or (key.stage == "relapse" and key.origin == "sft"))
    if study == "scale":
        return bool(key.size == "s0")
    if study == "audit-rate":
        return bool(key.audit_rate < (cut if key.normalized else 0.12))
    return True


def plan_of(study: str, seeds: int) -> Plan:
    """The plan of a simulated study."""
    sizes = ("tiny", "tiny:small") if study == "distillation" else ("s0", "s1")
    return Plan(first_seed=0, games=GAMES, seeds=seeds, sizes=sizes)


@cache
def _ease() -> np.ndarray:
    """How often a task is done at a level (row, in steps of 0.01) by its rank in ease (column)."""
    from scipy.special import betaincinv

    ranks = (np.arange(256) + 0.5) / 256
    rows = [np.zeros(256)]
    rows += [betaincinv(4 * level, 4 * (1 - level), ranks) for level in np.arange(1, 100) / 100]
    return np.stack([*rows, np.ones(256)])


def _shares(levels: np.ndarray, ranks: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The share of samples of every seed and task in which it was done."""
    place = np.clip(levels * 100, 0, 100)
    below = np.minimum(place.astype(int), 99)
    part = (place - below)[:, None]
    ease = _ease()
    chances = (1 - part) * ease[below][:, ranks] + part * ease[below + 1][:, ranks]
    shares: np.ndarray = random.binomial(SAMPLES, chances) / SAMPLES
    return shares


def rates(shares: np.ndarray) -> list[Interval]:
    """`measures.rate` of every row, a column being a task."""
    means, n = shares.mean(axis=1), TASKS * SAMPLES
    variance = ((shares - means[:, None]) ** 2).sum(axis=1) / TASKS**2 * TASKS / (TASKS - 1)
    spread = np.where(variance > 1e-12, variance, 1.0)
    size = np.where(variance > 1e-12, means * (1 - means) / spread, TASKS)
    size = np.clip(size, 1.0, n)
    z = 1.959963984540054
    centre = (means + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * np.sqrt(means * (1 - means) / size + z * z / (4 * size * size))
    lows, highs = np.clip(np.minimum(means, centre - half), 0, 1), np.clip(np.maximum(means, centre + half), 0, 1)
    return [Interval(float(m), float(lo), float(hi)) for m, lo, hi in zip(means, lows, highs, strict=True)]


def simulated(study: str, world: World, seeds: int, random: np.random.Generator) -> Summary:
    """A study of this world."""
    plan = plan_of(study, seeds)
    findings = _findings(study, plan)
    ranks = {game: random.integers(0, 256, TASKS) for game in GAMES}
    cells = {}
    for key in CATALOGUE[study].part("key").promised(plan, findings):
        place = ranks[key.game]
        levels = world.er(study, key).draw(random, seeds)
        measured = [rates(_shares(np.full(seeds, START), place, random)), rates(_shares(levels, place, random))]
        before = _shares(np.full(seeds, world.itp_start), place, random)
        after = _shares(world.itp.draw(random, seeds), place, random)
        measured += [rates(before), rates(after), [_average(row) for row in after - before]]
        cells[key] = _cell(key, [_ends(*run) for run in zip(*measured, strict=True)])
    if study == "correction":
        findings = _cured(findings, cells)
    return Summary(Path(), study, "tiny", seeds, "small", "", 1.0, plan, {}, cells, findings)


def _average(row: np.ndarray) -> Interval:
    mean, half = float(row.mean()), 1.993 * float(row.std(ddof=1)) / TASKS**0.5
    return Interval(mean, mean - half, mean + half)


def _ends(
    er_start: Interval, er_end: Interval, itp_start: Interval, itp_end: Interval, change: Interval, step: Any = ...
) -> Ends:
    dominates = (SOON if er_end.mean > HALF else None) if step is ... else step
    return Ends(
        itp_start, itp_end, er_start, er_end, cut_end=None, well_formed_end=None, failed=0, evaluated=100,
        onset_step=None, domination_step=dominates, steps=STEPS, eval_every=EVERY,
        paper=Measured(None, None, None, None), itp_change=change,
    )  # fmt: skip


def _cell(key: Any, each: Sequence[Ends]) -> Cell:
    ends: Any = None  # no claim reads it
    return Cell(key, len(each), ends, ("",) * len(each), tuple(each), key.game == "compliance-v1")


def _findings(study: str, plan: Plan) -> Any:
    findings = findings_of(study, plan)
    if study == "scale":
        return replace(findings, parameters={"s0": 1, "s1": 2})
    if study == "audit-rate":
        crossings = tuple(replace(crossing, expected=0.26) for crossing in findings.crossings)
        return replace(findings, crossings=crossings)
    return findings


def _cured(findings: Corrected, cells: Any) -> Corrected:
    """Runs are cured soon where ER ends at 5 % or less, and never otherwise."""
    recoveries = []
    for recovery in findings.recoveries:
        (each,) = [
            cell.each for key, cell in cells.items()
            if (key.game, key.origin, key.stage) == (recovery.game, recovery.origin, recovery.stage)
        ]  # fmt: skip
        steps = tuple(SOON if run.er_end.mean <= 0.05 else None for run in each)
        recoveries.append(replace(recovery, cured_step=steps))
    return replace(findings, recoveries=tuple(recoveries))


# What is true.


def exact(study: str, world: World, best: bool = False) -> Summary:
    """The same study with means over all seeds in the place of one seed's measures; or with the best run there can be
    for what is treated, beside the lowest for controls."""
    plan = plan_of(study, 1)
    findings = _findings(study, plan)
    cells = {}
    for key in CATALOGUE[study].part("key").promised(plan, findings):
        level = world.er(study, key)
        er = level.mean
        if best and not _untrained(study, key):
            er = level.ends[_is_treated(study, key, world.cut)]
        opened = float(er > HALF) if best else level.opens
        step: Any = SOON * opened + STEPS * (1 - opened)
        if best:
            step = SOON if opened else None
        itp, start = _point(world.itp.mean), _point(world.itp_start)
        cells[key] = _cell(key, [_ends(_point(START), _point(er), start, itp, itp - start, step)])
    if study == "correction":
        findings = _exactly_cured(findings, world)
    return Summary(Path(), study, "tiny", 1, "small", "", 1.0, plan, {}, cells, findings)


def _exactly_cured(findings: Corrected, world: World) -> Corrected:
    recoveries = []
    for recovery in findings.recoveries:
        level = world.treated if recovery.origin == "rl" else world.control
        cured = 1.0 - level.chance if level.low <= 0.03 else 0.0
        steps: Any = (SOON * cured + STEPS * (1 - cured),)
        recoveries.append(replace(recovery, cured_step=steps))
    return replace(findings, recoveries=tuple(recoveries))


def _point(value: float) -> Interval:
    return Interval(value, value, value)


def holds(claim: Claim, variant: Variant, study: str, world: World) -> bool | None:
    """Whether a variant holds in a world; None where that depends on more than the world says."""
    by_a_run = variant.quantifier.truth == "single run"
    cells = claim.compare(exact(study, world, best=by_a_run))
    need = variant.quantifier.count(len(cells))
    answers = [_cell_holds(claim.target, cell) for cell in cells]
    if answers.count(True) >= need:
        return True
    return False if answers.count(True) + answers.count(None) < need else None


def _cell_holds(target: Target, cell: Comparison) -> bool | None:
    if not cell.effects:
        return None
    answers = [_reaches(target, *_span(effect)) for effect in cell.effects]
    if False in answers:
        return False
    return None if None in answers else True


def _span(effect: Effect) -> tuple[float, float]:
    """The least and the largest that an effect may truly be."""
    spans = [_where(side) for side in (effect.treated, effect.against)]
    return spans[0][0] - spans[1][1], spans[0][1] - spans[1][0]


def _where(side: Any) -> tuple[float, float]:
    if isinstance(side, Falls):
        above = [rate for rate, er in side.points if er.mean > HALF]
        below = [rate for rate, er in side.points if er.mean <= HALF]
        return max(above, default=0.0), min(below, default=1.0)
    assert isinstance(side, Side)
    return side.mean, side.mean


def _reaches(target: Target, lo: float, hi: float) -> bool | None:
    tiny = 1e-9
    if isinstance(target, Above):
        if lo > target.threshold + tiny:
            return True
        return False if hi <= target.threshold + tiny else None
    if max(-lo, hi) < target.margin - tiny:
        return True
    return False if lo >= target.margin - tiny or hi <= -target.margin + tiny else None


# Verdicts.


@dataclass
class Tally:
    """How a variant came out in studies of one world."""

    claim: str
    by: str
    holds: bool | None
    studies: int = 0
    supported: int = 0
    contradicted: int = 0

    @property
    def false(self) -> float:
        """The share of false verdicts."""
        wrong = 0 if self.holds is None else self.contradicted if self.holds else self.supported
        return wrong / self.studies

    @property
    def right(self) -> float:
        """The share of true verdicts that are either supported or contradicted."""
        right = 0 if self.holds is None else self.supported if self.holds else self.contradicted
        return right / self.studies


def variants(study: str) -> Iterator[tuple[Claim, Variant]]:
    """Every variant of a study's claims."""
    for claim in CATALOGUE[study].part("claims").CLAIMS:
        for variant in claim.variants:
            yield claim, variant


def tallies(study: str, world: World, seeds: int, studies: int) -> list[Tally]:
    """How every variant of a study's claims comes out in simulated studies of a world."""
    name = (study, str(world), str(world.cut), str(world.itp), seeds, studies)
    random = np.random.default_rng(hashed("simulated", *name))
    found = [Tally(claim.id, variant.by, holds(claim, variant, study, world)) for claim, variant in variants(study)]
    for _ in range(studies):
        summary = simulated(study, world, seeds, random)
        for tally, (claim, variant) in zip(found, variants(study), strict=True):
            answer: str | Answer = judge_variant(claim, variant, summary).verdict
            tally.studies += 1
            tally.supported += answer == SUPPORTED
            tally.contradicted += answer == "contradicted"
    return found
