"""The columns of the emergence study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from vulngames.arm import ARMS, ArmName
from vulngames.studies.plan import Plan


@dataclass(frozen=True)
class Key:
    """One game under one rule: as it is by default, or in one of its variants (`Spec.variants`)."""

    game: str
    arm: ArmName
    variant: str = ""


@dataclass(frozen=True)
class Findings:
    """What was trained beside the defaults.

    Attributes:
        variants: of every game, the names of those of its variants that are not what it is by default for the plan's
            policy.
    """

    variants: Mapping[str, tuple[str, ...]]


def promised(plan: Plan, findings: Findings) -> list[Key]:
    """Every cell of a study, in order."""
    keys: list[Key] = []
    for game in plan.games:
        settings = ("", *findings.variants[game])
        keys += [Key(game, arm, variant) for variant, arm in product(settings, ARMS)]
    return keys


def lacking(plan: Plan, findings: Findings) -> str:
    """What the findings lack of what the plan leads to; empty if nothing."""
    missing = [game for game in plan.games if game not in findings.variants]
    return f"variants of {missing[0]}" if missing else ""
