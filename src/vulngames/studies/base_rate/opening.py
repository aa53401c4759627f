"""Whether the exploit of a cell opens: ER comes to stay above one half."""

from __future__ import annotations

from vulngames.measures import Interval, exact
from vulngames.studies.base_rate.key import Key
from vulngames.studies.summary import Cell


def opened(cell: Cell[Key]) -> list[bool | None]:
    """Of each seed; None where ER was not measured over a training."""
    answers: list[bool | None] = []
    for run in cell.each:
        measured = run.er_end is not None and run.eval_every is not None
        answers.append(run.domination_step is not None if measured else None)
    return answers


def opening_seeds(cell: Cell[Key]) -> tuple[int, int]:
    """How many seeds open, of those that were measured."""
    answers = [answer for answer in opened(cell) if answer is not None]
    return sum(answers), len(answers)


def share_of_seeds(cell: Cell[Key]) -> Interval | None:
    """The share of seeds that open, with its exact interval; None if none was measured."""
    return exact(*opening_seeds(cell))


def as_intervals(cell: Cell[Key]) -> list[Interval | None]:
    """1 for a seed that opens, and 0 for one that does not: what one run does is known."""
    return [None if answer is None else Interval(answer, answer, answer) for answer in opened(cell)]
