"""Where over-claiming falls through one half along a curve of audit rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vulngames.claims.effect import Side
from vulngames.measures import Interval

HALF = 0.5


@dataclass(frozen=True)
class Falls:
    """The audit rate at which a curve falls through one half, as an `Estimate` of what claims compare.

    Attributes:
        points: ER at the end at each audit rate, lowest rate first.
    """

    points: Sequence[tuple[float, Side]]

    @property
    def seeds(self) -> Mapping[int, Interval]:
        """None: no seed says by itself where the curve falls."""
        return {}

    @property
    def place(self) -> float | None:
        """Between the grid's points by a straight line through the means; None if the curve starts below one half, or
        never falls."""
        means = [(rate, side.mean) for rate, side in self.points]
        if not means or means[-1][1] >= HALF:
            return None
        for (x, y), (right, below) in reversed(list(pairwise(means))):
            if y >= HALF > below:
                return x + (right - x) * (y - HALF) / (y - below)
        return None

    def at(self, level: float) -> Interval:
        """The place, between points of the grid that exclude one half by their own intervals of this level.

        From the lowest rate upwards the bound below is the last whose interval lies above one half before the first
        whose does not, and 0 if that is the lowest; the bound above is the same from the highest rate downwards, and 1.
        If more audits make no more over-claims, the first point to be wrongly passed is the only one to err at, so that
        a bound has the error of one interval, however fine the grid. What ER is between two points is not supposed.

        Raises:
            ValueError: the curve does not fall through one half.
        """
        place = self.place
        if place is None:
            raise ValueError("the curve does not fall through one half")
        lo, hi = 0.0, 1.0
        for rate, side in self.points:
            if side.at(level).lo <= HALF:
                break
            lo = rate
        for rate, side in reversed(self.points):
            if side.at(level).hi >= HALF:
                break
            hi = rate
        return Interval(min(max(place, lo), hi), lo, hi)
