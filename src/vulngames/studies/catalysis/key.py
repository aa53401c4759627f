"""The columns of the catalysis study."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Literal

from vulngames.arm import ARMS
from vulngames.measures import Interval
from vulngames.studies.plan import Plan

After = Literal["flawed", "patched", "fresh", "equal steps"]
"""What the second training began with: the first game's flawed or patched arm, or the fresh policy; `equal steps` is
the fresh policy trained for as many steps as both trainings took together."""


@dataclass(frozen=True)
class Key:
    """A game that is trained second, and what was trained first (None: nothing)."""

    game: str
    first: str | None
    after: After


@dataclass(frozen=True)
class EqualSteps:
    """ER of the fresh policy after as many steps as a first and a second training took together."""

    first: str
    game: str
    steps: int
    er: Interval | None


@dataclass(frozen=True)
class Findings:
    """equal_steps: one for each ordered pair of games."""

    equal_steps: tuple[EqualSteps, ...]


def lacking(plan: Plan, findings: Findings) -> str:
    """What the findings should hold and do not, in words; empty if they are whole."""
    pairs = [(equal.first, equal.game) for equal in findings.equal_steps]
    for first, game in permutations(plan.games, 2):
        if pairs.count((first, game)) != 1:
            return f"single equal_steps of {first} and {game}"
    return ""


def promised(plan: Plan, findings: Findings) -> list[Key]:
    """Every cell of a study, in order."""
    keys = [Key(game, None, "fresh") for game in plan.games]
    keys += [Key(game, first, arm) for (game, first), arm in product(permutations(plan.games, 2), ARMS)]
    if len(plan.games) > 1:
        keys += [Key(game, None, "equal steps") for game in plan.games]
    return keys
