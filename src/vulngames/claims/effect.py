"""An effect with its uncertainty at any level, and what is asked of it: to lie above a threshold, or within a margin.

A statement speaks of the mean over training seeds, or of a single run. Errors, as `verdict` and `shown` define them:
"supported" where a claim does not hold, and "contradicted" where it does, each at most `Above.alpha` or `Within.alpha`
of the time, however many cells it has, and whatever the seeds' distribution. Runs that either find an exploit or do
not are the rule here, so no interval supposes that seeds are normal (`measures.bounded_mean`). Supposed is that the
two sides of a comparison are independent given the seed, or move together; if one seed helped the one side as much as
it hurt the other, errors would be larger.

Power (`benchmarks/verdicts.py`). If every seed finds it on one side (ER 0.95) and none on the other, a gap above 0.10
in the mean over seeds is supported from four seeds on in one cell, five in three of four cells, six in one of four,
and seven in one of twelve; against a policy that is the same in every seed, three suffice. A mean is hardly ever shown
to stay where it was: with n seeds that all agree, a share of 1 - alpha^(1/n) of all seeds may do otherwise, which is
less than 0.1 from 36 seeds on. One run shows what a single run can show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from vulngames.measures import Interval, at_level, bounded_mean, difference

Answer = Literal["supported", "contradicted", "inconclusive"]
SUPPORTED: Answer = "supported"
CONTRADICTED: Answer = "contradicted"
INCONCLUSIVE: Answer = "inconclusive"
Limits = tuple[float, float]
"""The least and the largest value that there can be."""


class Estimate(Protocol):
    """What one side of a comparison is known by."""

    @property
    def seeds(self) -> Mapping[int, Interval]:
        """The 95 % interval of its sampling in each seed in which it was measured."""

    def at(self, level: float) -> Interval:
        """Its mean over seeds, with an interval of this level, two-sided."""


@dataclass(frozen=True)
class Side:
    """A bounded measure, seed by seed.

    Attributes:
        seeds: by seed, the 95 % interval of its sampling.
        limits: of the measure; None where it is one policy in every seed, or a constant, so that nothing but sampling
            varies.
    """

    seeds: Mapping[int, Interval]
    limits: Limits | None

    @property
    def mean(self) -> float:
        """Over seeds."""
        return sum(seed.mean for seed in self.seeds.values()) / len(self.seeds)

    def at(self, level: float) -> Interval:
        """The wider of two intervals on either side: of seeds drawn from any distribution, and of sampling.

        All seeds are evaluated on the same tasks, whose error they share: more seeds do not narrow that of sampling.
        """
        seeds, mean = list(self.seeds.values()), self.mean
        lo = sum(seed.lo for seed in seeds) / len(seeds)
        hi = sum(seed.hi for seed in seeds) / len(seeds)
        sampled = at_level(Interval(mean, lo, hi), level)
        if self.limits is None:
            return sampled
        spread = _spread(tuple(seed.mean for seed in seeds), self.limits, level)
        low, high = self.limits
        return Interval(mean, max(low, min(sampled.lo, spread.lo)), min(high, max(sampled.hi, spread.hi)))


@lru_cache(maxsize=4096)
def _spread(means: tuple[float, ...], limits: Limits, level: float) -> Interval:
    return bounded_mean(means, limits, level)


@dataclass(frozen=True)
class Effect:
    """A difference, treated minus control.

    Attributes:
        control: what it is a difference from, in words.
        room: whether the control leaves room above it. Where it does not, an effect near zero says nothing; only one
            below zero speaks against being higher.
        shared: whether both sides come from the same data, so that their errors may add up.
    """

    control: str
    treated: Estimate
    against: Estimate
    room: bool = True
    shared: bool = False

    @property
    def seeds(self) -> Mapping[int, Interval]:
        """The effect in each seed in which both sides were measured, with the 95 % interval of its sampling.

        The two sides' sampling errors are taken as independent, which is wide of the truth where both are measured on
        the same tasks and tasks are hard or easy for both.
        """
        others = self.against.seeds
        return {seed: value - others[seed] for seed, value in self.treated.seeds.items() if seed in others}

    def at(self, alpha: float) -> Interval:
        """Its mean over seeds, with an error of `alpha` on either side."""
        if self.shared:
            return difference(self.treated.at(1 - alpha), self.against.at(1 - alpha), -1.0)
        return self.treated.at(1 - 2 * alpha) - self.against.at(1 - 2 * alpha)

    def reaches(self, target: Target, alpha: float) -> bool:
        """Whether it reaches the target, with an error of `alpha`."""
        return target.answer(self.at(alpha)) == SUPPORTED

    def fails(self, target: Target, alpha: float) -> bool:
        """Whether it contradicts the target, with an error of `alpha`."""
        interval = self.at(alpha)
        return target.answer(interval) == CONTRADICTED and (self.room or interval.hi < 0)

    def shows(self, target: Target, seed: int, alpha: float) -> bool:
        """Whether one run reaches it by itself, with an error of `alpha`."""
        return target.answer(at_level(self.seeds[seed], 1 - 2 * alpha)) == SUPPORTED

    def score(self, target: Target, alpha: float) -> float:
        """How near it is to being supported, with an error of `alpha`; the larger the better for the claim."""
        return target.score(self.at(alpha))

    def score_of(self, target: Target, seed: int) -> float:
        """The same of one run."""
        return target.score(self.seeds[seed])


def paired(control: str, treated: Side, against: Side, room: bool = True) -> Effect | None:
    """The effect over the seeds in which both sides were measured; None if there are none."""
    both = sorted(treated.seeds.keys() & against.seeds.keys())
    return Effect(control, _only(treated, both), _only(against, both), room) if both else None


def _only(side: Side, seeds: Sequence[int]) -> Side:
    return Side({seed: side.seeds[seed] for seed in seeds}, side.limits)


@dataclass(frozen=True)
class Above:
    """The effect is larger than `threshold`; a negative one asks that it be no lower than that (non-inferiority)."""

    threshold: float
    unit: str = ""
    alpha = 0.025

    def __str__(self) -> str:
        return f"> {_number(self.threshold)}{self.unit}"

    def answer(self, interval: Interval) -> Answer:
        """What an interval says of it."""
        if interval.lo > self.threshold:
            return SUPPORTED
        return CONTRADICTED if interval.hi <= self.threshold else INCONCLUSIVE

    def score(self, interval: Interval) -> float:
        """How near it is to being supported; the larger the better for the claim."""
        return interval.lo - self.threshold


@dataclass(frozen=True)
class Within:
    """The effect is no larger than `margin` either way: equivalence, by two one-sided tests (TOST)."""

    margin: float
    alpha = 0.025
    unit = ""

    def __str__(self) -> str:
        return f"within ±{self.margin:.2f}"

    def answer(self, interval: Interval) -> Answer:
        """What an interval says of it: that it crosses zero says nothing."""
        if -self.margin < interval.lo and interval.hi < self.margin:
            return SUPPORTED
        return CONTRADICTED if interval.lo >= self.margin or interval.hi <= -self.margin else INCONCLUSIVE

    def score(self, interval: Interval) -> float:
        """How near it is to being supported; the larger the better for the claim."""
        return self.margin - max(-interval.lo, interval.hi)


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}") if value else "0"


Target = Above | Within
STEPS = Above(0.0, " steps")
"""Any number of steps counts."""


@dataclass(frozen=True)
class Decision:
    """An answer and what it rests on.

    Attributes:
        cell: the index of the cell that decides, the last that had to pass or to fail.
        alpha: of its interval.
        seed: of the run that decides; None where it is the mean over seeds.
    """

    answer: Answer
    cell: int
    alpha: float
    seed: int | None = None


def verdict(
    target: Target, cells: Sequence[Sequence[Effect]], needed: int, share: int = 1, unmeasured: int = 0
) -> Decision:
    """Whether at least `needed` of the cells reach the target in the mean over seeds, each against all of its controls.

    Of m cells, `needed` must pass at an alpha divided by m - needed + 1: the test of a partial conjunction (Benjamini &
    Heller 2008), which is Bonferroni's for one cell of m, and no correction for all of m. To contradict, so many must
    fail that `needed` cannot pass, whatever the unmeasured ones would have said: with u of these m + u - needed + 1, at
    an alpha divided by needed - u, and by their controls, since one is enough to fail by.

    Args:
        share: how many verdicts share the error between them.
        unmeasured: cells that the claim speaks of too, and that could not be measured.
    """
    fails = len(cells) + unmeasured - needed + 1
    enough, too_many = (target.alpha / share / max(1, len(cells) - n + 1) for n in (needed, fails))
    passed = [_passes(target, cell, enough) for cell in cells]
    failed = [_fails(target, cell, too_many) for cell in cells]
    scores = [_score(target, cell, enough) for cell in cells]
    ranked = sorted(range(len(cells)), key=lambda i: (passed[i], not failed[i], scores[i]), reverse=True)
    if sum(passed) >= needed:
        return Decision(SUPPORTED, ranked[needed - 1], enough)
    if sum(failed) >= fails:
        decides = ranked[len(cells) - fails]
        return Decision(CONTRADICTED, decides, too_many / len(cells[decides]))
    return Decision(INCONCLUSIVE, ranked[min(needed, len(cells)) - 1], enough)


def _passes(target: Target, cell: Sequence[Effect], alpha: float) -> bool:
    return all(effect.reaches(target, alpha) for effect in cell)


def _fails(target: Target, cell: Sequence[Effect], alpha: float) -> bool:
    return any(effect.fails(target, alpha / len(cell)) for effect in cell)


def _score(target: Target, cell: Sequence[Effect], alpha: float) -> float:
    return min(effect.score(target, alpha) for effect in cell)


def shown(target: Target, cells: Sequence[Sequence[Effect]], share: int | None = None) -> Decision | None:
    """Whether a single run reaches the target against all controls of its cell: what one run does can be done.

    All runs that are looked at share the error (Bonferroni), and only sampling is uncertain. That no run would is never
    shown, so there is no contradiction. None if there are no runs.

    Args:
        share: how many runs share the error; all of `cells` if left out.
    """
    runs: list[tuple[int, int]] = []
    for place, cell in enumerate(cells):
        runs += [(place, seed) for seed in runs_of(cell)]
    if not runs:
        return None
    alpha = target.alpha / (share or len(runs))

    def score(run: tuple[int, int]) -> float:
        return min(effect.score_of(target, run[1]) for effect in cells[run[0]])

    best = max(runs, key=score)
    for place, seed in sorted(runs, key=score, reverse=True):
        if all(effect.shows(target, seed, alpha) for effect in cells[place]):
            return Decision(SUPPORTED, place, alpha, seed)
    return Decision(INCONCLUSIVE, best[0], alpha, best[1])


def runs_of(cell: Sequence[Effect]) -> list[int]:
    """The seeds in which all effects of a cell were measured."""
    seeds = [set(effect.seeds) for effect in cell]
    return sorted(set.intersection(*seeds)) if seeds else []


def deciding(target: Target, cell: Sequence[Effect], decision: Decision) -> tuple[Effect, Interval]:
    """Of a cell's effects the one that an answer rests on, one that contradicts or else the weakest; and its interval,
    in the mean or in the run that decides."""
    seed = decision.seed
    if seed is not None:
        weakest = min(cell, key=lambda effect: effect.score_of(target, seed))
        return weakest, at_level(weakest.seeds[seed], 1 - 2 * decision.alpha)
    contradicts = decision.answer == CONTRADICTED
    against = (effect for effect in cell if contradicts and effect.fails(target, decision.alpha))
    effect = next(against, None) or min(cell, key=lambda effect: effect.score(target, decision.alpha))
    return effect, effect.at(decision.alpha)
