"""The columns of the transfer study."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from vulngames.arm import ARMS, ArmName
from vulngames.studies.plan import Plan


@dataclass(frozen=True)
class Key:
    """A game in which a policy is evaluated that was trained in another, or in the same; None: untrained."""

    game: str
    trained: str | None
    arm: ArmName | None


@dataclass(frozen=True)
class Findings:
    """Nothing beyond the cells."""


def promised(plan: Plan, findings: Findings) -> list[Key]:
    """Every cell of a study, in order."""
    untrained = [Key(game, None, None) for game in plan.games]
    return untrained + [Key(game, first, arm) for first, arm, game in product(plan.games, ARMS, plan.games)]
