"""Does the exploit grow when it can be used but is not paid?

Cells: the patched arm of every game: the hole is there to be used, and earns nothing. Control: the same policy before
training. An answer: ER at the end above, or below, its own start.
"""

from __future__ import annotations

from vulngames.studies.job import Store
from vulngames.studies.perfect_reward.key import Findings, Key
from vulngames.studies.plan import Plan
from vulngames.studies.program import Program, Result, all_jobs
from vulngames.studies.stages import trained


def run(plan: Plan, store: Store) -> Program:
    """Train every game by its patched rule."""
    conditions = {Key(game): trained(plan, store, game, "patched") for game in plan.games}
    yield all_jobs(conditions)
    return Result(conditions, Findings())
