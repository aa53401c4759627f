"""Where an exploit shows that was learned elsewhere: matrices of games by games."""

from __future__ import annotations

from functools import partial
from itertools import permutations

from vulngames.arm import ArmName
from vulngames.measures import Interval, apart
from vulngames.report import figures, format
from vulngames.report.chapter import Found, Picture
from vulngames.report.format import short
from vulngames.studies.summary import Summary
from vulngames.studies.transfer.key import Findings, Key


def chapter(summary: Summary[Key, Findings]) -> Found:
    games = summary.games
    moved = []
    for first, game in permutations(games, 2):
        here = summary[Key(game, first, "flawed")].ends.er_end
        controls = [summary[Key(game, None, None)], summary[Key(game, first, "patched")]]
        sides = {apart(here, control.ends.er_end) for control in controls}
        if sides in ({1}, {-1}):
            way = "above" if sides == {1} else "below"
            moved.append(f"{short(first)} → {short(game)} lies {way} both controls, ER {format.full(here)}")
    pairs = len(games) * (len(games) - 1)
    count = f"{len(moved)} of {pairs} cells off the diagonal differ measurably from both controls"
    return Found([count, *moved], [_matrices(summary)])


def _matrices(summary: Summary[Key, Findings]) -> Picture:
    names = [short(game) for game in summary.games]
    after = ["untrained", *(f"after {name}" for name in names)]
    matrices = {
        "ER, flawed": _matrix(summary, "flawed", "er_end"),
        "ER, patched": _matrix(summary, "patched", "er_end"),
        "ITP, flawed": _matrix(summary, "flawed", "itp_end"),
    }
    draws = [partial(figures.heat, cells=cells, rows=after, columns=names) for cells in matrices.values()]
    drawn = figures.maps(list(matrices), draws, "matrices of ER and ITP", "transfer", len(names))
    caption = (
        "A row is what was trained, a column the game it is measured in. A cell off the diagonal says something of "
        "transfer only against the first row and against its twin in the patched matrix."
    )
    return Picture(drawn, caption)


def _matrix(summary: Summary[Key, Findings], arm: ArmName, name: str) -> list[list[Interval | None]]:
    """A measure of the untrained policy, then after training in each game; by the games it is measured in."""
    matrix = []
    for first in (None, *summary.games):
        keys = [Key(game, first, arm if first else None) for game in summary.games]
        matrix.append([getattr(summary[key].ends, name) for key in keys])
    return matrix
