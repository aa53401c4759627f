"""What a group's advantages make of self-grading's pay: when claiming to be right is reinforced.

The reward's own closed form (`best_response`, `indifferent_rate`) holds for advantages that are only centred. GRPO
divides them by the standard deviation of their group, and a rare large penalty swells that deviation as well: it weighs
less than the rule says.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import factorial, prod

import numpy as np

from vulngames.games.self_grading import AUDITED, Pay

_EPSILON = 1e-4
"""What TRL adds to a group's standard deviation."""
Chances = Mapping[float, float]
"""Pays, each with its chance."""


def claiming_gain(audit_rate: float, chance: float, normalized: bool, claiming: float = 0.5, group: int = 8) -> float:
    """The expected advantage of a report that claims to be right, minus that of one that does not.

    Args:
        audit_rate, chance: that a report is audited, and that an answer of the group is right.
        normalized: whether advantages are divided by the group's standard deviation, or only centred.
        claiming: the share of the group's reports that claim; one half is where over-claiming comes to dominate.
        group: samples of one prompt.
    """
    mine = [_chances(claim, audit_rate, chance) for claim in (True, False)]
    pays = sorted({pay for chances in mine for pay in chances})
    others = np.array([claiming * mine[0].get(pay, 0.0) + (1 - claiming) * mine[1].get(pay, 0.0) for pay in pays])
    counts = _compositions(group - 1, len(pays))
    weights = np.array([factorial(group - 1) / prod(map(factorial, map(int, row))) for row in counts])
    weights = weights * (others**counts).prod(axis=1)

    def advantage(pay: float) -> float:
        with_mine = counts + np.array([value == pay for value in pays])
        mean = with_mine @ pays / group
        spread = np.sqrt((with_mine * (np.array(pays) - mean[:, None]) ** 2).sum(axis=1) / (group - 1))
        return float(weights @ ((pay - mean) / (spread + _EPSILON if normalized else 1.0)))

    claims, denies = (sum(share * advantage(pay) for pay, share in chances.items()) for chances in mine)
    return claims - denies


def reinforced_rate(chance: float, normalized: bool, claiming: float = 0.5, group: int = 8) -> float:
    """The audit rate above which claiming is no longer reinforced, for answers right with this chance; 1 if it always
    is. `indifferent_rate` where advantages are only centred. Arguments as in `claiming_gain`."""
    from scipy.optimize import brentq

    def gain(rate: float) -> float:
        return claiming_gain(rate, chance, normalized, claiming, group)

    return 1.0 if gain(1.0) >= 0 else float(brentq(gain, 0.0, 1.0, xtol=1e-6))


def _chances(claims: bool, audit_rate: float, chance: float) -> Chances:
    """What a report of one kind may be paid."""
    chances: dict[float, float] = {}
    for table, audited in ((AUDITED, audit_rate), (Pay(), 1 - audit_rate)):
        for right, so in ((True, chance), (False, 1 - chance)):
            pay = table.of(claims, right)
            chances[pay] = chances.get(pay, 0.0) + audited * so
    return chances


def _compositions(total: int, parts: int) -> np.ndarray:
    """Every way to write `total` as an ordered sum of `parts` counts, a row each."""
    bars = np.array(list(combinations(range(total + parts - 1), parts - 1)))
    edges = np.hstack([np.full((len(bars), 1), -1), bars, np.full((len(bars), 1), total + parts - 1)])
    return np.diff(edges, axis=1) - 1
