"""The columns of the perfect-reward study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vulngames.studies.plan import Plan


@dataclass(frozen=True)
class Key:
    """One game, in which the exploit can be used and is not paid."""

    game: str
    arm: Literal["patched"] = "patched"


@dataclass(frozen=True)
class Findings:
    """Nothing beyond the cells."""


def promised(plan: Plan, findings: Findings) -> list[Key]:
    """Every cell of a study, in order."""
    return [Key(game) for game in plan.games]
