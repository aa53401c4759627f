"""Over-claims against audits: curves, a phase diagram beside the closed form, and every cell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from vulngames.measures import Interval
from vulngames.report import figures
from vulngames.report.chapter import Found, Picture
from vulngames.studies.audit_rate.key import CURVES, Crossing, Curve, Findings, Key
from vulngames.studies.summary import Summary

_NOTHING_ANNOUNCED = Curve(announced_rate=None, normalized=True)
_COLOURS: Mapping[Curve, str] = dict(zip(CURVES, ("flawed", "third", "fourth", "patched"), strict=True))
_SURELY_WRONG = 1 / 7
"""The audit rate at which the reward stops paying for claims of answers that are surely wrong."""


def chapter(summary: Summary[Key, Findings]) -> Found:
    draws = [partial(_plot, summary=summary), partial(_phases, summary=summary)]
    titles = ["claims of wrong answers", "where claiming pays"]
    drawn = figures.sheet(titles, draws, "over-claims against audits", "audit", columns=2, height=2.8, width=3.8)
    caption = (
        "Left: the share of wrong answers that are claimed right, at the end of training; thick, the mean over seeds, "
        "and thin, each seed. Right: by the reward's closed form claiming pays in the darker region, always below 1/7 "
        "and above it only for answers that are right with at least that chance; in the lighter one too it is "
        "reinforced, because advantages are divided by the spread of their group. A point is a cell of the first "
        "curve, as high as its share of right answers, as full as its over-claims. Where a curve falls lies between "
        "points of the grid that exclude one half by their own intervals."
    )
    answers = [_crossed(curve, summary.findings.crossing(curve)) for curve in CURVES]
    return Found(answers, [Picture(drawn, caption), _matrix(summary)])


def _plot(axes: Any, summary: Summary[Key, Findings]) -> None:
    lines = []
    for curve in CURVES:
        cells = [(cell.key.audit_rate, cell) for cell in summary.cells.values() if cell.key.curve == curve]
        lines.append(figures.over_cells(_words(curve), cells, "er_end", _COLOURS[curve], "o-"))
    figures.lines(axes, lines, "audit probability")
    figures.mark(axes, _SURELY_WRONG, "1/7")


def _phases(axes: Any, summary: Summary[Key, Findings]) -> None:
    points = []
    for cell in summary.cells.values():
        right, claimed = cell.ends.itp_end, cell.ends.er_end
        if cell.key.curve == _NOTHING_ANNOUNCED and right and claimed:
            points.append((cell.key.audit_rate, right.mean, claimed))
    boundaries = summary.findings.boundaries
    regions = [("reinforced", boundaries["reinforced"]), ("pays", boundaries["pays"])]
    figures.phase(axes, regions, points, "audit probability", "chance of being right")


def _matrix(summary: Summary[Key, Findings]) -> Picture:
    rates = sorted({cell.key.audit_rate for cell in summary.cells.values()})
    cells = []
    for curve in CURVES:
        cells.append([_er_end(summary, curve, rate) for rate in rates])
    names, columns = [_words(curve) for curve in CURVES], [f"{rate:g}" for rate in rates]
    heat = partial(figures.heat, cells=cells, rows=names, columns=columns)
    drawn = figures.sheet(
        ["claims of wrong answers"], [heat], "over-claims, a cell each", "audit-cells", height=1.9, width=7.6
    )
    return Picture(drawn, "The same as numbers, by audit probability; –: not tried.")


def _er_end(summary: Summary[Key, Findings], curve: Curve, rate: float) -> Interval | None:
    cell = summary.get(Key(rate, curve.announced_rate, curve.normalized))
    return cell.ends.er_end if cell else None


def _crossed(curve: Curve, crossing: Crossing) -> str:
    rate = crossing.crossing
    place = "not on the grid" if rate is None else f"{rate.mean:.2f} [{rate.lo:.2f}, {rate.hi:.2f}]"
    answer = f"{_words(curve)}: over-claiming falls through one half at an audit probability of {place}"
    if crossing.reinforced is None or curve.announced_rate is not None:
        return answer
    average, wrong = crossing.reinforced
    return (
        f"{answer}; the reward stops paying for it at {crossing.expected:.2f} "
        f"(surely wrong answers: {_SURELY_WRONG:.2f}), these advantages stop reinforcing it at {average:.2f} "
        f"(surely wrong answers: {wrong:.2f})"
    )


def _words(curve: Curve) -> str:
    announced = "nothing announced" if curve.announced_rate is None else f"{curve.announced_rate:.0%} announced"
    return announced if curve.normalized else f"{announced}, advantages centred"
