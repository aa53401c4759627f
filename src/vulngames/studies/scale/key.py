"""The columns of the scale study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from vulngames.arm import ARMS, ArmName
from vulngames.studies.plan import Plan


@dataclass(frozen=True)
class Key:
    """One game under one rule, for a policy of one size."""

    game: str
    arm: ArmName
    size: str


@dataclass(frozen=True)
class Findings:
    """parameters: of each size, by its name."""

    parameters: Mapping[str, int]


def lacking(plan: Plan, findings: Findings) -> str:
    """What the findings should hold and do not, in words; empty if they are whole."""
    sizes = ", ".join(dict.fromkeys(plan.compared))
    return "" if findings.parameters.keys() == set(plan.compared) else f"parameters of just {sizes}"


def promised(plan: Plan, findings: Findings) -> list[Key]:
    """Every cell of a study, in order."""
    return [Key(game, arm, size) for size, game, arm in product(plan.compared, plan.games, ARMS)]
