"""A second exploit after a first: paired onsets, curves, and steps to domination."""

from __future__ import annotations

from functools import partial

from vulngames.arm import ArmName
from vulngames.measures import Interval, apart
from vulngames.report import figures, format
from vulngames.report.chapter import Found, Picture
from vulngames.report.figures import Draw, Line
from vulngames.report.format import short
from vulngames.studies.catalysis.key import Findings, Key
from vulngames.studies.summary import Cell, Summary


def chapter(summary: Summary[Key, Findings]) -> Found:
    draws, onsets = [], []
    for game in summary.games:
        curves, dots = _drawn(summary, game)
        draws.append(curves)
        onsets.append(dots)
    titles = [short(game) for game in summary.games]
    high = figures.rows_high(2 * len(titles) - 1)
    pictures = [
        _domination_steps(summary),
        Picture(
            figures.sheet(titles, draws, "ER against steps of a second training", "catalysis-er"),
            "ER in the second game, by what was trained first; dashed: the first game's patched twin. Means over "
            "seeds; thin lines are the fresh policy's seeds, and those of the others are in the numbers below.",
        ),
        Picture(
            figures.sheet(titles, onsets, "onset steps by what was trained first", "catalysis-onset", height=high),
            "The step from which ER stays above its start, a dot per seed; an exploit that is there at once has none.",
        ),
    ]
    answers = _answers(summary)
    return Found(answers or ["no second exploit ends measurably wider or narrower than in both controls"], pictures)


def _drawn(summary: Summary[Key, Findings], game: str) -> tuple[Draw, Draw]:
    """ER in a second game, and the steps of its onset, by what was trained first."""
    colours = figures.colours(summary.games)
    curves, onsets = [], []
    last = 0
    for cell in summary.cells.values():
        first, after = cell.key.first, cell.key.after
        if cell.game != game or after == "equal steps":
            continue
        label, colour = "fresh", "ink"
        if first is not None:
            label = f"{short(first)}, patched" if after == "patched" else short(first)
            colour = colours[first]
        dash = "--" if after == "patched" else "-"
        arm = summary.arm(cell)
        # The seeds of all of them would hide each other.
        line = Line(label, arm.curve("er"), colour, dash)
        curves.append(figures.over_steps(label, arm, "er", colour, dash) if first is None else line)
        onsets.append((label, [ends.onset_step for ends in cell.each], colour))
        last = max(last, cell.ends.steps or 0)
    return (
        partial(figures.lines, curves=curves, xlabel="step of the second training"),
        partial(figures.dots, rows=onsets, never=last + 2, xlabel="onset (hollow: none)"),
    )


def _answers(summary: Summary[Key, Findings]) -> list[str]:
    alone = {(equal.first, equal.game): equal.er for equal in summary.findings.equal_steps}
    answers = []
    for cell in summary.cells.values():
        first, game = cell.key.first, cell.game
        if first is None or cell.key.after != "flawed":
            continue
        here = cell.ends.er_end
        fresh = summary[Key(game, None, "fresh")].ends.er_end
        twin = summary[Key(game, first, "patched")].ends.er_end
        sides = {apart(here, fresh), apart(here, twin)}
        if sides in ({1}, {-1}):
            way = "wider" if sides == {1} else "narrower"
            answers.append(
                f"{short(game)} after {short(first)} ends {way}, ER {format.full(here)}, than fresh "
                f"({format.full(fresh)}) and after its patched twin ({format.full(twin)}); alone for as many steps in "
                f"all: {format.mean(alone[first, game])}"
            )
    return answers


def _domination_steps(summary: Summary[Key, Findings]) -> Picture:
    """Matrices of the steps that a second exploit takes to dominate: what was trained first by what is trained next."""
    names = [short(game) for game in summary.games]
    after = ["fresh", *(f"after {name}" for name in names)]
    matrices = {
        "exploit first": _matrix(summary, "flawed"),
        "its patched twin first": _matrix(summary, "patched"),
    }
    most = 0.0
    for matrix in matrices.values():
        for row in matrix:
            most = max([most, *(value.mean for value in row if value)])
    draws = [
        partial(figures.heat, cells=matrix, rows=after, columns=names, most=most or 1, digits=0)
        for matrix in matrices.values()
    ]
    return Picture(
        figures.maps(list(matrices), draws, "steps to domination", "catalysis", len(names)),
        "Steps until the second exploit is most of what is done, on average over seeds (a run that never gets there "
        "counts with its last step). A row is what was trained first, a column what is trained next.",
    )


def _matrix(summary: Summary[Key, Findings], arm: ArmName) -> list[list[Interval | None]]:
    matrix = [[_steps(summary[Key(game, None, "fresh")]) for game in summary.games]]
    for first in summary.games:
        row = []
        for game in summary.games:
            row.append(None if game == first else _steps(summary[Key(game, first, arm)]))
        matrix.append(row)
    return matrix


def _steps(cell: Cell[Key]) -> Interval | None:
    """Steps to domination on average over seeds; None without any."""
    steps = []
    for ends in cell.each:
        taken = ends.steps if ends.domination_step is None else ends.domination_step
        if taken is not None:
            steps.append(taken)
    if not steps:
        return None
    mean = sum(steps) / len(steps)
    return Interval(mean, mean, mean)
