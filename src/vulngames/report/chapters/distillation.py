"""Students of mixed transcripts: ER and ITP by the share of exploits, and RL afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from vulngames.measure import Interval
from vulngames.report import figures, number
from vulngames.report.chapter import Found, Picture
from vulngames.report.figures import Line
from vulngames.report.row import Row, end, games_of, pick, short


def distillation(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    games, own = games_of(rows), summary["policy"]
    draws, amplified, answers = [], [], []
    for game in games:
        here = [row for row in rows if row["game"] == game and not row["then"]]
        curves = [
            Line("ER", _by_share(here, own, "er_end"), "flawed", "o-"),
            Line("ITP", _by_share(here, own, "itp_end"), "patched", "o--"),
        ]
        sizes = [size for size in dict.fromkeys(row["student"] for row in here) if size != own]
        for size, colour in zip(sizes, ("third", "fourth"), strict=False):
            curves.append(Line(f"ER, {size}", _by_share(here, size, "er_end"), colour, "s:"))
        draws.append(partial(_shares, curves=curves))
        after = [row for row in rows if row["game"] == game and row["then"]]
        amplified.append(
            partial(
                figures.lines,
                curves=[
                    Line(f"{row['share']:.0%} exploits", row.arm.curve("er"), colour)
                    for row, colour in zip(after, ("patched", "flawed"), strict=False)
                ],
                xlabel="step of RL afterwards",
            )
        )
        full, honest = (pick(here, student=own, share=share) for share in (1.0, 0.0))
        if full and honest:
            answers.append(
                f"{short(game)}: a student of the exploiter ends at ER {number.full(end(full))}, "
                f"one of the honest teacher at {number.full(end(honest))}"
            )
    titles = [short(game) for game in games]
    shares = Picture(
        figures.sheet(titles, draws, "ER and ITP against the share of exploits", "distillation"),
        "A student's ER and ITP against the share of an exploiter's transcripts, the rest an honest teacher's. "
        "“none”: the untrained student.",
    )
    later = Picture(
        figures.sheet(titles, amplified, "ER in RL after imitation", "distillation-rl"),
        "RL under the flaw after imitation of an honest teacher alone, and with 1 % of an exploiter's transcripts.",
    )
    return Found(answers, [shares, later])


_SHARES = (None, 0.0, 0.01, 0.05, 0.25, 1.0)


def _by_share(rows: Sequence[Row], student: str, name: str) -> list[tuple[float, Interval]]:
    found = ((place, end(pick(rows, student=student, share=share), name)) for place, share in enumerate(_SHARES))
    return [(float(place), value) for place, value in found if value is not None]


def _shares(axes: Any, curves: Sequence[Line]) -> None:
    figures.lines(axes, curves, "exploiter's share of transcripts")
    axes.set_xticks(range(len(_SHARES)), ["none" if share is None else f"{share:.0%}" for share in _SHARES])
    axes.tick_params(axis="x", labelsize=6.5)
