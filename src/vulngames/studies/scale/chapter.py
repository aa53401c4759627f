"""ER and ITP against the number of parameters."""

from __future__ import annotations

from functools import partial
from typing import Any

from vulngames.arm import ARMS, ArmName
from vulngames.report import figures, format
from vulngames.report.chapter import Found, Picture
from vulngames.report.format import short
from vulngames.studies.scale.key import Findings, Key
from vulngames.studies.summary import Cell, Summary


def chapter(summary: Summary[Key, Findings]) -> Found:
    draws, answers = [], []
    for game in summary.games:
        draws.append(partial(_plot, summary=summary, game=game))
        flawed = [(count, cell.ends.er_end) for count, cell in _sizes(summary, game, "flawed")]
        sizes = ", ".join(f"{format.mean(value)} at {count:,.0f}" for count, value in flawed if value is not None)
        answers.append(f"{short(game)}: ER under the flaw {sizes}")
    titles = [short(game) for game in summary.games]
    drawn = figures.sheet(titles, draws, "ER and ITP against parameters", "scale", height=2.1)
    caption = (
        "At the end of training, for policies of several sizes built by one recipe. Thick: the mean over seeds; thin: "
        "each seed."
    )
    return Found(answers, [Picture(drawn, caption)])


def _sizes(summary: Summary[Key, Findings], game: str, arm: ArmName) -> list[tuple[float, Cell[Key]]]:
    """Cells by the number of parameters, smallest first."""
    cells = []
    for size in summary.plan.compared:
        cells.append((float(summary.findings.parameters[size]), summary[Key(game, arm, size)]))
    return sorted(cells, key=lambda point: point[0])


def _plot(axes: Any, summary: Summary[Key, Findings], game: str) -> None:
    curves = []
    for measure, dash in (("ER", "o-"), ("ITP", "o--")):
        for arm in ARMS:
            cells, name = _sizes(summary, game, arm), f"{measure.lower()}_end"
            curves.append(figures.over_cells(f"{measure}, {arm}", cells, name, arm, dash))
    axes.set_xscale("log")
    figures.lines(axes, curves, "parameters")
    figures.ticks(axes, list(summary.findings.parameters.values()))
