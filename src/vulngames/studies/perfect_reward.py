"""Does the exploit grow when it can be used but is not paid?

Cells: the patched arm of every game: the hole is there to be used, and earns nothing. Control: the same policy before
training. An answer: ER at the end above, or below, its own start.
"""

from __future__ import annotations

from vulngames.studies.cell import Cell
from vulngames.studies.emergence import trained
from vulngames.studies.job import Store
from vulngames.studies.plan import Plan
from vulngames.studies.study import Program


def perfect_reward(plan: Plan, store: Store) -> Program:
    """Train every game by its patched rule."""
    cells = [Cell({"game": game, "arm": "patched"}, trained(plan, store, game, "patched")) for game in plan.games]
    yield [job for cell in cells for job in cell.jobs]
    return cells, {}
