"""ER and ITP against the number of parameters."""

from __future__ import annotations

from functools import partial
from typing import Any

from vulngames.arm import ArmName
from vulngames.measures import Interval
from vulngames.report import figures, format
from vulngames.report.chapter import Found, Picture
from vulngames.report.figures import Line
from vulngames.report.format import short
from vulngames.studies.scale.key import Findings, Key
from vulngames.studies.summary import Summary


def chapter(summary: Summary[Key, Findings]) -> Found:
    draws, answers = [], []
    for game in summary.games:
        draws.append(partial(_plot, summary=summary, game=game))
        curve = _curve(summary, game, "flawed", "er_end")
        sizes = ", ".join(f"{format.mean(value)} at {count:,.0f}" for count, value in curve)
        answers.append(f"{short(game)}: ER under the flaw {sizes}")
    titles = [short(game) for game in summary.games]
    drawn = figures.sheet(titles, draws, "ER and ITP against parameters", "scale", height=2.1)
    caption = "At the end of training, for policies of several sizes built by one recipe."
    return Found(answers, [Picture(drawn, caption)])


def _curve(summary: Summary[Key, Findings], game: str, arm: ArmName, name: str) -> list[tuple[float, Interval]]:
    """A measure by the number of parameters, where it could be measured."""
    curve = []
    for size in summary.plan.compared:
        value = getattr(summary[Key(game, arm, size)].ends, name)
        if value is not None:
            curve.append((float(summary.findings.parameters[size]), value))
    return sorted(curve, key=lambda point: point[0])


def _plot(axes: Any, summary: Summary[Key, Findings], game: str) -> None:
    curves = [
        Line("ER, flawed", _curve(summary, game, "flawed", "er_end"), "flawed", "o-"),
        Line("ER, patched", _curve(summary, game, "patched", "er_end"), "patched", "o-"),
        Line("ITP, flawed", _curve(summary, game, "flawed", "itp_end"), "flawed", "o--"),
        Line("ITP, patched", _curve(summary, game, "patched", "itp_end"), "patched", "o--"),
    ]
    axes.set_xscale("log")
    figures.lines(axes, curves, "parameters")
    figures.ticks(axes, list(summary.findings.parameters.values()))
