"""Does a larger policy learn the exploit sooner, or more of it?

Cells: every game, flawed and patched, for policies of several sizes built by one recipe. Control: the patched twin of
each size, and each size's own start. An answer: ER at the end, less ER at the start, against the size.
"""

from __future__ import annotations

from vulngames.studies.cell import Cell
from vulngames.studies.emergence import ARMS, trained
from vulngames.studies.job import Store
from vulngames.studies.plan import Plan
from vulngames.studies.study import Program


def scale(plan: Plan, store: Store) -> Program:
    """Train both arms of every game from every size."""
    jobs = {
        (game, arm, policy): trained(plan, store, game, arm, policy)
        for policy in plan.compared
        for game in plan.games
        for arm in ARMS
    }
    yield [job for each in jobs.values() for job in each]
    cells = [Cell({"game": game, "arm": arm, "size": policy}, each) for (game, arm, policy), each in jobs.items()]
    sizes = {
        policy: jobs[plan.games[0], "flawed", policy][0].run.about["parameters_of_policy"] for policy in plan.compared
    }
    return cells, {"parameters": sizes}
