"""The columns of the emergence study."""

from __future__ import annotations

from dataclasses import dataclass

from vulngames.arm import ARMS, ArmName
from vulngames.studies.plan import Plan


@dataclass(frozen=True)
class Key:
    """One game under one rule."""

    game: str
    arm: ArmName


@dataclass(frozen=True)
class Findings:
    """Nothing beyond the cells."""


def promised(plan: Plan, findings: Findings) -> list[Key]:
    """Every cell of a study, in order."""
    return [Key(game, arm) for game in plan.games for arm in ARMS]
