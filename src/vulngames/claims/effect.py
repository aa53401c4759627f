"""An effect with its uncertainty at any level, and what is asked of it: to lie above a threshold, or within a margin.

Errors, as `verdict` defines them: "supported" where a claim does not hold, and "contradicted" where it does, each at
most `Above.alpha` or `Within.alpha` of the time, however many cells it has.

Power. The standard error over n = 3 seeds is stretched by t(2): 4.3 for a cell at 95 %, 8.9 where four cells share the
error, 15 where twelve do; with five seeds by 2.8, 4.3 and 5.6. By simulation (72 tasks x 2 samples), a gap of 0.5
against a threshold of 0.1 is found in 97 % of studies of one cell if seeds' levels spread by 0.05, and in 71 % if by
0.1; the one cell of twelve in 25 %, and with five seeds in 97 %. Seeds that agree exactly leave the sampling error of
the tasks, about 0.1 either way at 95 %, however many seeds there are: so equality within 0.10 is found for levels near
0 or 1 (93 % at 0.02 and a spread of 0.02), seldom at 0.1 (57 %), and never in the middle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vulngames.measures import Interval, difference, sampling

Answer = Literal["supported", "contradicted", "inconclusive"]
SUPPORTED: Answer = "supported"
CONTRADICTED: Answer = "contradicted"
INCONCLUSIVE: Answer = "inconclusive"


@dataclass(frozen=True)
class Effect:
    """A difference, treated minus control.

    Attributes:
        control: what it is a difference from, in words.
        seeds: one per seed, each with the 95 % interval of its sampling.
        room: whether the control leaves room above it. Where it does not, an effect near zero says nothing; only one
            below zero speaks against being higher.
    """

    control: str
    seeds: tuple[Interval, ...]
    room: bool = True

    def at(self, alpha: float) -> Interval:
        """Its interval with an error of `alpha` on either side, over seeds and sampling."""
        return _t_interval(self.seeds, 1 - 2 * alpha)

    def fails(self, target: Target, alpha: float) -> bool:
        """Whether it contradicts the target, with an error of `alpha`."""
        interval = self.at(alpha)
        return target.answer(interval) == CONTRADICTED and (self.room or interval.hi < 0)


def _t_interval(seeds: Sequence[Interval], level: float) -> Interval:
    """The envelope of a t interval over the seeds' estimates and of the sampling interval; it holds where seeds lie
    about a level of their own, not where some open and some do not."""
    from scipy.special import stdtrit  # scipy takes longer to import than a command line may take to answer

    drawn = sampling(seeds, (-math.inf, math.inf), level)
    assert drawn is not None, "an effect has seeds"
    n = len(seeds)
    spread = float(np.std([seed.mean for seed in seeds], ddof=1)) if n > 1 else 0.0
    half = float(stdtrit(n - 1, 0.5 + level / 2)) * spread / math.sqrt(n) if n > 1 else 0.0
    return Interval(drawn.mean, min(drawn.lo, drawn.mean - half), max(drawn.hi, drawn.mean + half))


def paired(
    control: str, treated: Sequence[Interval | None], controls: Sequence[Interval | None], room: bool = True
) -> Effect | None:
    """The effect from one interval per seed on either side, in the same order; None with fewer than two whole pairs.

    Seeds are paired, as their tasks and coins are. The two sides' sampling errors are taken as independent, which is
    wide of the truth where both are measured on the same tasks and tasks are hard or easy for both.
    """
    pairs = [(a, b) for a, b in zip(treated, controls, strict=True) if a is not None and b is not None]
    # One seed says nothing of how much seeds differ.
    return Effect(control, tuple(difference(a, b, 0.0) for a, b in pairs), room) if len(pairs) > 1 else None


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
        return interval.lo


@dataclass(frozen=True)
class Within:
    """The effect is no larger than `margin` either way: equivalence, by two one-sided tests (TOST)."""

    margin: float
    alpha = 0.05

    def __str__(self) -> str:
        return f"within ±{self.margin:.2f}"

    def answer(self, interval: Interval) -> Answer:
        """What an interval says of it: that it crosses zero says nothing."""
        if -self.margin < interval.lo and interval.hi < self.margin:
            return SUPPORTED
        return CONTRADICTED if interval.lo >= self.margin or interval.hi <= -self.margin else INCONCLUSIVE

    def score(self, interval: Interval) -> float:
        """How near it is to being supported; the larger the better for the claim."""
        return -max(-interval.lo, interval.hi)


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}") if value else "0"


Target = Above | Within
STEPS = Above(0.0, " steps")
"""Any number of steps counts."""


def verdict(
    target: Target, cells: Sequence[Sequence[Effect]], needed: int, share: int = 1, unmeasured: int = 0
) -> tuple[Answer, int, float]:
    """Whether at least `needed` of the cells reach the target, each against all of its controls.

    Of m cells, `needed` must pass at an alpha divided by m - needed + 1: the test of a partial conjunction (Benjamini &
    Heller 2008), which is Bonferroni's for one cell of m, and no correction for all of m. To contradict, so many must
    fail that `needed` cannot pass, whatever the unmeasured ones would have said: with u of these m + u - needed + 1, at
    an alpha divided by needed - u, and by their controls, since one is enough to fail by.

    Args:
        share: how many verdicts share the error between them.
        unmeasured: cells that the claim speaks of too, and that could not be measured.

    Returns:
        the answer; the index of the cell that decides it, the last that had to pass or to fail; the alpha of its
        interval.
    """
    fails = len(cells) + unmeasured - needed + 1
    enough, too_many = (target.alpha / share / max(1, len(cells) - n + 1) for n in (needed, fails))
    passed = [all(target.answer(effect.at(enough)) == SUPPORTED for effect in cell) for cell in cells]
    failed = [any(effect.fails(target, too_many / len(cell)) for effect in cell) for cell in cells]
    ranked = sorted(range(len(cells)), key=lambda i: (passed[i], not failed[i], _score(target, cells[i])), reverse=True)
    if sum(passed) >= needed:
        return SUPPORTED, ranked[needed - 1], enough
    if sum(failed) >= fails:
        decides = ranked[len(cells) - fails]
        return CONTRADICTED, decides, too_many / len(cells[decides])
    return INCONCLUSIVE, ranked[min(needed, len(cells)) - 1], enough


def deciding(target: Target, cell: Sequence[Effect], answer: Answer, alpha: float) -> Effect:
    """Of a cell's effects the one that `answer` rests on: one that contradicts, or else the weakest."""
    against = (effect for effect in cell if answer == CONTRADICTED and effect.fails(target, alpha))
    return next(against, min(cell, key=lambda effect: target.score(effect.at(target.alpha))))


def _score(target: Target, cell: Sequence[Effect]) -> float:
    return min(target.score(effect.at(target.alpha)) for effect in cell)
