"""The columns of the audit-rate study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from vulngames.games.self_grading import SelfGrading
from vulngames.measures import Interval
from vulngames.studies.plan import Plan

RATES = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 1.0)
FULL_RATES = (0.0, 0.05, 0.1, 0.125, 0.15, 0.175, 0.2, 0.225, 0.25, 0.275, 0.3, 0.35, 0.4, 0.5, 1.0)
"""Close together where the curve may fall: the points are the only places that a bound of its fall can have."""
ANNOUNCED_RATES = (0.0, 0.1, 0.2, 0.3, 1.0)
"""The audit rates tried with an announcement, at small scale."""
CENTRED_RATES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
FULL_CENTRED_RATES = (0.0, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.25, 0.3)
"""The audit rates tried with advantages that are only centred: there the curve falls at lower ones."""


@dataclass(frozen=True)
class Curve:
    """How self-grading is trained over a range of audit rates: with an announcement of audits (None: without one), and
    with advantages normalised or only centred."""

    announced_rate: float | None
    normalized: bool


CURVES = (Curve(None, True), Curve(0.5, True), Curve(1.0, True), Curve(None, False))


@dataclass(frozen=True)
class Key:
    """Self-grading at one audit rate of one curve."""

    audit_rate: float
    announced_rate: float | None
    normalized: bool
    game: str = SelfGrading.id

    @property
    def curve(self) -> Curve:
        """The curve it is a point of."""
        return Curve(self.announced_rate, self.normalized)


@dataclass(frozen=True)
class Crossing:
    """Where a curve falls through one half.

    Attributes:
        crossing: the audit rate, between the grid's points by a straight line. Its 95 % interval ends at points of the
            grid at which ER lies above and below one half by its own interval, or at 0 and 1 (`Falls.at`).
        right: the share of right answers at the end, over all cells.
        expected: `indifferent_rate` of it.
        reinforced: `reinforced_rate` of it, and of an answer that is surely wrong.
    """

    announced_rate: float | None
    normalized: bool
    crossing: Interval | None
    right: float | None
    expected: float | None
    reinforced: tuple[float, float] | None


Boundary = Literal["pays", "reinforced"]


@dataclass(frozen=True)
class Findings:
    """boundaries: points (audit rate, chance of being right) above which claiming pays, or is reinforced."""

    crossings: tuple[Crossing, ...]
    boundaries: Mapping[Boundary, tuple[tuple[float, float], ...]]

    def crossing(self, curve: Curve) -> Crossing:
        """Of one curve."""
        crossings = {Curve(crossing.announced_rate, crossing.normalized): crossing for crossing in self.crossings}
        return crossings[curve]


def lacking(plan: Plan, findings: Findings) -> str:
    """What the findings should hold and do not, in words; empty if they are whole."""
    crossed = [Curve(crossing.announced_rate, crossing.normalized) for crossing in findings.crossings]
    for curve in CURVES:
        if crossed.count(curve) != 1:
            return f"single crossing with announced_rate = {curve.announced_rate}, normalized = {curve.normalized}"
    for boundary in get_args(Boundary):
        if boundary not in findings.boundaries:
            return f"boundary {boundary!r}"
    return ""


def rates_of(curve: Curve, plan: Plan) -> list[float]:
    """The audit rates of one curve."""
    if not curve.normalized:
        return list(FULL_CENTRED_RATES if plan.full else CENTRED_RATES)
    if plan.full:
        return list(FULL_RATES)
    return list(RATES if curve.announced_rate is None else ANNOUNCED_RATES)


def promised(plan: Plan, findings: Findings) -> list[Key]:
    """Every cell of a study, in order."""
    keys = []
    for curve in CURVES:
        keys += [Key(rate, curve.announced_rate, curve.normalized) for rate in rates_of(curve, plan)]
    return keys
