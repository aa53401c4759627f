"""Is the exploit learned under the flaw, and not under its patch?

Arms: every game, flawed and patched, with the same seeds: same tasks, same audit coins, same held-out tasks.
Control: the patched twin. An answer: at the end, the two arms' intervals of ER do not overlap.
"""

from __future__ import annotations

from vulngames.studies.emergence.key import Findings, Key
from vulngames.studies.job import Store
from vulngames.studies.plan import Plan
from vulngames.studies.program import Program, Result, all_jobs
from vulngames.studies.stages import twins


def run(plan: Plan, store: Store) -> Program:
    """Train both arms of every game."""
    conditions = {Key(game, arm): jobs for (game, arm), jobs in twins(plan, store).items()}
    yield all_jobs(conditions)
    return Result(conditions, Findings())
