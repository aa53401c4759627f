"""ER and ITP against the number of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from vulngames.measure import Interval
from vulngames.report import figures, number
from vulngames.report.chapter import Found, Picture
from vulngames.report.figures import Line
from vulngames.report.row import Row, end, games_of, pick, short


def scale(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    sizes, games = summary["parameters"], games_of(rows)

    def curve(game: str, arm: str, name: str) -> list[tuple[float, Interval]]:
        found = ((sizes[size], end(pick(rows, game=game, arm=arm, size=size), name)) for size in sizes)
        return sorted(((float(n), value) for n, value in found if n and value is not None), key=lambda point: point[0])

    def plot(axes: Any, game: str) -> None:
        curves = [
            Line("ER, flawed", curve(game, "flawed", "er_end"), "flawed", "o-"),
            Line("ER, patched", curve(game, "patched", "er_end"), "patched", "o-"),
            Line("ITP, flawed", curve(game, "flawed", "itp_end"), "flawed", "o--"),
            Line("ITP, patched", curve(game, "patched", "itp_end"), "patched", "o--"),
        ]
        axes.set_xscale("log")
        figures.lines(axes, curves, "parameters")
        figures.ticks(axes, [count for count in sizes.values() if count])

    draws = [partial(plot, game=game) for game in games]
    drawn = figures.sheet([short(game) for game in games], draws, "ER and ITP against parameters", "scale", height=2.1)
    answers = [
        f"{short(game)}: ER under the flaw "
        + ", ".join(f"{number.mean(value)} at {count:,.0f}" for count, value in curve(game, "flawed", "er_end"))
        for game in games
    ]
    caption = "At the end of training, for policies of several sizes built by one recipe."
    return Found(answers, [Picture(drawn, caption)])
