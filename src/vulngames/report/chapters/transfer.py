"""Where an exploit shows that was learned elsewhere: matrices of games by games."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from vulngames.measure import Interval, apart
from vulngames.report import figures, number
from vulngames.report.chapter import Found, Picture
from vulngames.report.row import Row, end, games_of, pick, short


def transfer(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    games = games_of(rows)
    names = [short(game) for game in games]

    def matrix(arm: str, name: str) -> list[list[Interval | None]]:
        found = [[end(pick(rows, trained=first, arm=arm, game=game), name) for game in games] for first in games]
        return [[end(pick(rows, arm="untrained", game=game), name) for game in games], *found]

    after = ["untrained", *(f"after {name}" for name in names)]
    maps = [("ER, flawed", matrix("flawed", "er_end")), ("ER, patched", matrix("patched", "er_end"))]
    maps.append(("ITP, flawed", matrix("flawed", "itp_end")))
    draws = [partial(figures.heat, cells=cells, rows=after, columns=names) for _, cells in maps]
    drawn = figures.sheet([t for t, _ in maps], draws, "matrices of ER and ITP", "transfer", columns=3, height=2.6)
    off = [(first, game) for first in games for game in games if first != game]
    moved = []
    for first, game in off:
        here = end(pick(rows, trained=first, arm="flawed", game=game))
        controls = [pick(rows, arm="untrained", game=game), pick(rows, trained=first, arm="patched", game=game)]
        sides = {apart(here, end(control)) for control in controls}
        if sides in ({1}, {-1}):
            way = "above" if sides == {1} else "below"
            moved.append(f"{short(first)} → {short(game)} lies {way} both controls, ER {number.full(here)}")
    caption = (
        "A row is what was trained, a column the game it is measured in. A cell off the diagonal says something of "
        "transfer only against the first row and against its twin in the patched matrix."
    )
    count = f"{len(moved)} of {len(off)} cells off the diagonal differ measurably from both controls"
    return Found([count, *moved], [Picture(drawn, caption)])
