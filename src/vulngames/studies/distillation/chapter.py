"""Students of mixed transcripts: ER and ITP by the share of exploits, and RL afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from vulngames.report import figures, format
from vulngames.report.chapter import Found, Picture
from vulngames.report.figures import Draw, Line
from vulngames.report.format import short
from vulngames.studies.distillation.key import AMPLIFIED, SHARES, Findings, Key, others
from vulngames.studies.summary import Cell, Summary

_PLACES = (None, *SHARES)
"""The shares along the axis; None: the untrained student."""


def chapter(summary: Summary[Key, Findings]) -> Found:
    titles = [short(game) for game in summary.games]
    shares = [_by_share(summary, game) for game in summary.games]
    later = [_amplified(summary, game) for game in summary.games]
    pictures = [
        Picture(
            figures.sheet(titles, shares, "ER and ITP against the share of exploits", "distillation"),
            "A student's ER and ITP against the share of an exploiter's transcripts, the rest an honest teacher's. "
            "“none”: the untrained student. Thick: the mean over seeds; thin: each seed.",
        ),
        Picture(
            figures.sheet(titles, later, "ER in RL after imitation", "distillation-rl"),
            "RL under the flaw after imitation of an honest teacher alone, and with 1 % of an exploiter's transcripts. "
            "Thick: the mean over seeds; thin: each seed.",
        ),
    ]
    answers = []
    for game in summary.games:
        exploiter, honest = (summary.get(Key(game, summary.policy, share)) for share in (1.0, 0.0))
        if exploiter and honest:
            answers.append(
                f"{short(game)}: a student of the exploiter ends at ER {format.full(exploiter.ends.er_end)}, "
                f"one of the honest teacher at {format.full(honest.ends.er_end)}"
            )
    return Found(answers or ["no game's exploiter wrote enough exploits to teach from"], pictures)


def _by_share(summary: Summary[Key, Findings], game: str) -> Draw:
    curves = [
        figures.over_cells("ER", _students(summary, game, summary.policy), "er_end", "flawed", "o-"),
        figures.over_cells("ITP", _students(summary, game, summary.policy), "itp_end", "patched", "o--"),
    ]
    sizes = others(summary.plan)
    # The first two colours are taken.
    colours = figures.colours(["ER", "ITP", *sizes])
    for size in sizes:
        students = _students(summary, game, size)
        curves.append(figures.over_cells(f"ER, {size}", students, "er_end", colours[size], "s:"))
    return partial(_plot, curves=curves)


def _students(summary: Summary[Key, Findings], game: str, student: str) -> list[tuple[float, Cell[Key]]]:
    """Cells by the share's place, where there is such a student."""
    students = []
    for place, share in enumerate(_PLACES):
        cell = summary.get(Key(game, student, share))
        if cell:
            students.append((float(place), cell))
    return students


def _plot(axes: Any, curves: Sequence[Line]) -> None:
    figures.lines(axes, curves, "exploiter's share of transcripts")
    axes.set_xticks(range(len(_PLACES)), ["none" if share is None else f"{share:.0%}" for share in _PLACES])
    axes.tick_params(axis="x", labelsize=6.5)


def _amplified(summary: Summary[Key, Findings], game: str) -> Draw:
    curves = []
    for share, colour in zip(AMPLIFIED, ("patched", "flawed"), strict=True):
        cell = summary.get(Key(game, summary.policy, share, "rl"))
        if cell:
            curves.append(figures.over_steps(f"{share:.0%} exploits", summary.arm(cell), "er", colour))
    return partial(figures.lines, curves=curves, xlabel="step of RL afterwards")
