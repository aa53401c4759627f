"""Does a larger policy learn the exploit sooner, or more of it?

Cells: every game, flawed and patched, for policies of several sizes built by one recipe. Control: the patched twin of
each size, and each size's own start. An answer: ER at the end, minus ER at the start, against the size.
"""

from __future__ import annotations

from vulngames.studies.job import Store
from vulngames.studies.plan import Plan
from vulngames.studies.program import Program, Result, all_jobs
from vulngames.studies.scale.key import Findings, Key, promised
from vulngames.studies.stages import trained


def run(plan: Plan, store: Store) -> Program:
    """Train both arms of every game from every size."""
    keys = promised(plan, Findings({}))
    conditions = {key: trained(plan, store, key.game, key.arm, key.size) for key in keys}
    yield all_jobs(conditions)
    parameters = {}
    for size in plan.compared:
        first = conditions[Key(plan.games[0], "flawed", size)][0]
        parameters[size] = first.run.about["parameters_of_policy"]
    return Result(conditions, Findings(parameters))
