"""The columns of the distillation study."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

from vulngames.studies.plan import Plan

SHARES = (0.0, 0.01, 0.05, 0.25, 1.0)
"""An exploiter's share of the transcripts that a student of the plan's policy sees."""
OTHER_SHARES = (0.0, 1.0)
"""The same, for students of another size."""
AMPLIFIED = (0.0, 0.01)
"""The shares after which RL follows."""


@dataclass(frozen=True)
class Key:
    """A student in a game, by an exploiter's share of its transcripts (None: untrained), and what followed."""

    game: str
    student: str
    share: float | None
    followed_by: Literal["nothing", "rl"] = "nothing"


@dataclass(frozen=True)
class Findings:
    """taught: the games whose exploiters wrote enough exploits to teach from."""

    taught: tuple[str, ...]


def others(plan: Plan) -> list[str]:
    """The students that are not of the plan's policy."""
    policies = [policy for policy in plan.compared if policy != plan.policy]
    return policies if plan.full else policies[:1]


def promised(plan: Plan, findings: Findings) -> list[Key]:
    """Every cell of a study, in order."""
    taught = [game for game in plan.games if game in findings.taught]
    keys = [Key(game, student, None) for game, student in product(plan.games, (plan.policy, *others(plan)))]
    keys += [Key(game, plan.policy, share) for game, share in product(taught, SHARES)]
    keys += [Key(game, student, share) for game, student, share in product(taught, others(plan), OTHER_SHARES)]
    return keys + [Key(game, plan.policy, share, "rl") for game, share in product(taught, AMPLIFIED)]
