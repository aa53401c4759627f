"""How much of each exploit was shown, how often it is used before training, and whether training opens it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from vulngames.measures import Interval
from vulngames.report import figures, format
from vulngames.report.chapter import Found, Picture, Table
from vulngames.report.figures import Line
from vulngames.report.format import short
from vulngames.studies.base_rate.key import RIVAL, SHIPPED, Dose, Findings, Key, Start, doses, keys_of
from vulngames.studies.summary import Cell, Summary

BaseRate = Summary[Key, Findings]
Point = tuple[Cell[Key], Start]
_LINEAR_BELOW = 1e-3
"""Use below this is drawn on a straight scale, so that none has a place."""


def chapter(summary: BaseRate) -> Found:
    dialled = [game for game in summary.games if game in summary.findings.shipped]
    answers = [_answer(summary, game) for game in summary.games]
    tables = [_cells(summary)]
    if dialled and len(dialled) < len(summary.games):
        tables.append(_undialled(summary))
    return Found(answers, [_picture(summary, dialled)] if dialled else [], tables)


def _points(summary: BaseRate, game: str) -> dict[Dose, Point]:
    """A game's cells with what their policies do before training, by dose, in order of the exploit's share."""
    points = {}
    keys = keys_of(summary.plan, summary.findings.shipped, game)
    for key, dose in sorted(keys.items(), key=lambda item: item[0].exploit or 0.0):
        points[dose] = (summary[key], summary.findings.start(game, dose))
    return points


def _answer(summary: BaseRate, game: str) -> str:
    points = _points(summary, game)
    if game not in summary.findings.shipped:
        cell, start = points[SHIPPED]
        return (
            f"{short(game)}: its exploit has no dial; before training it is used in {_use(start)}, and {_seeds(cell)}"
        )
    clauses = []
    for dose, (cell, start) in points.items():
        if dose.rival is None:
            clauses.append(f"shown in {_percent(cell.key.exploit)} and used in {_use(start)}, {_seeds(cell)}")
    answer = f"{short(game)}: {'; '.join(clauses)}"
    if Dose(rival=RIVAL) in points:
        cell, start = points[Dose(rival=RIVAL)]
        answer += f"; with its rival shown in none, and used in {_use(start)}, {_seeds(cell)}"
    return answer


def _seeds(cell: Cell[Key]) -> str:
    count, judged = cell.ends.opened, cell.ends.judged
    return f"it opens in {count} of {judged} seeds" if judged else "whether it opens was not measured"


def _use(start: Start) -> str:
    """Use before training, with its exact interval; none of n is at most 3/n, at 95 % and one-sided."""
    use = start.use
    if use is None:
        return format.NONE
    if not start.used:
        return f"0 of {start.occasions:,} (at most {3 / start.occasions:.4f})"
    return f"{use.mean:.4f} [{use.lo:.4f}, {use.hi:.4f}]"


def _percent(share: float | None) -> str:
    return format.NONE if share is None else f"{100 * share:.3g} %"


def _steps(cell: Cell[Key]) -> str:
    """The step at which each seed opens."""
    words = []
    for run in cell.each:
        if run.opened is None:
            words.append(format.NONE)
        else:
            words.append(str(run.domination_step) if run.opened else "never")
    return ", ".join(words)


def _cells(summary: BaseRate) -> Table:
    lines = []
    for game in summary.games:
        for cell, start in _points(summary, game).values():
            count, judged = cell.ends.opened, cell.ends.judged
            shown = [_percent(cell.key.exploit), _percent(cell.key.rival)]
            opens = [f"{count} of {judged}" if judged else format.NONE, _steps(cell)]
            lines.append(
                [short(game), *shown, _use(start), format.full(start.itp), *opens, format.full(cell.ends.er_end)]
            )
    columns = ("game", "exploit shown", "rival shown", "use", "ITP", "seeds that open", "at step", "ER at the end")
    caption = (
        "What a second stage showed, in shares of the game's dialogues; use and ITP before training; and what training "
        "under the flaw came to, by seed. The rival is the honest work that the flawed rule pays best."
    )
    return Table(caption, columns, lines, words=1)


def _undialled(summary: BaseRate) -> Table:
    """Before training, the games whose exploit no dose shows."""
    lines = []
    for game in summary.games:
        if game not in summary.findings.shipped:
            for dose in doses(summary.plan, summary.findings.shipped):
                start = summary.findings.start(game, dose)
                shares = ["as shipped" if share is None else _percent(share) for share in (dose.exploit, dose.rival)]
                lines.append([short(game), *shares, _use(start), format.full(start.itp)])
    caption = "What no dose should move: the same before training where the other games were shown other shares."
    return Table(caption, ("game", "exploits shown elsewhere", "rivals", "use", "ITP"), lines, words=1)


def _picture(summary: BaseRate, games: Sequence[str]) -> Picture:
    shares = [partial(_plot, points=list(_points(summary, game).items())) for game in games]
    steps = [partial(_dots, points=list(_points(summary, game).values())) for game in games]
    titles = [f"{short(game)}: seeds that open" for game in games] + [f"{short(game)}: when" for game in games]
    words = "the share of seeds that open, and when, against use before training"
    drawn = figures.sheet(titles, [*shares, *steps], words, "base-rate", columns=len(games), height=2.2)
    caption = (
        "Above: the share of seeds whose ER comes to stay above one half, with its exact interval, against the "
        "exploit's use before training; none of it is at 0. Below: the step at which each seed opens, by "
        "how much was shown; hollow: never within the training."
    )
    return Picture(drawn, caption)


def _plot(axes: Any, points: Sequence[tuple[Dose, Point]]) -> None:
    dial: list[tuple[float, Interval]] = []
    apart: list[tuple[float, Interval]] = []
    for dose, (cell, start) in points:
        use, share = start.use, cell.ends.opens
        if use is not None and share is not None:
            (dial if dose.rival is None else apart).append((use.mean, share))
    dial.sort(key=lambda point: point[0])
    curves = [
        Line("by exploits shown", dial, "flawed", "o-", bars=True),
        Line("rival never shown", apart, "patched", "o", bars=True),
    ]
    axes.set_xscale("symlog", linthresh=_LINEAR_BELOW)
    # Room for the points of no use.
    axes.set_xlim(-_LINEAR_BELOW / 5, 1)
    figures.lines(axes, curves, "use before training")


def _dots(axes: Any, points: Sequence[Point]) -> None:
    rows = []
    last = 0.0
    for cell, _ in points:
        values = [run.domination_step for run in cell.each]
        shown = _percent(cell.key.exploit)
        if cell.key.rival == RIVAL:
            rows.append((f"{shown}, no rival", values, "patched"))
        else:
            rows.append((shown, values, "flawed"))
        last = max([last, *(float(run.steps) for run in cell.each if run.steps)])
    figures.dots(axes, rows, 1.05 * last, "step of opening")
