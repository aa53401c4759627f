"""Over-claims against audits: curves, a phase diagram beside the closed form, and every cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from vulngames.measure import Interval
from vulngames.report import figures
from vulngames.report.chapter import Found, Picture
from vulngames.report.figures import COLOURS, Line
from vulngames.report.row import Row, end, pick


def audit_rate(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    ways = list(dict.fromkeys(map(_way, rows)))
    rates = sorted({row["audit_rate"] for row in rows})
    colours = dict(zip(ways, COLOURS[:1] + COLOURS[2:] + COLOURS[1:2], strict=False))

    def curve(announced_rate: float | None, normalized: bool) -> list[tuple[float, Interval]]:
        here = (row for row in rows if _way(row) == (announced_rate, normalized))
        return [(row["audit_rate"], value) for row in here if (value := row.value("er_end"))]

    crossings = {(found["announced_rate"], found["normalized"]): found for found in summary.get("crossings", ())}

    def plot(axes: Any) -> None:
        figures.lines(
            axes, [Line(_audited(*way), curve(*way), colours[way], "o-") for way in ways], "audit probability"
        )
        figures.mark(axes, 1 / 7, "1/7")

    cells = [
        [end(pick(rows, announced_rate=announced_rate, normalized=normalized, audit_rate=rate)) for rate in rates]
        for announced_rate, normalized in ways
    ]
    names = [_audited(*way) for way in ways]
    heat = partial(figures.heat, cells=cells, rows=names, columns=[f"{rate:g}" for rate in rates])
    phases = partial(_phases, rows=rows, boundaries=summary["boundaries"])
    titles = ["claims of wrong answers", "where claiming pays"]
    drawn = figures.sheet(titles, [plot, phases], "over-claims against audits", "audit", 2, 2.8, 3.8)
    caption = (
        "Left: the share of wrong answers that are claimed right, at the end of training. Right: by the reward's "
        "closed form claiming pays in the darker region, always below 1/7 and above it only for answers that are right "
        "with at least that chance; in the lighter one too it is reinforced, because advantages are divided by the "
        "spread of their group. A point is a cell of the first curve, as high as its share of right answers, as full "
        "as its over-claims."
    )
    matrix = figures.sheet(["claims of wrong answers"], [heat], "over-claims, a cell each", "audit-cells", 1, 1.9, 7.6)
    pictures = [Picture(drawn, caption), Picture(matrix, "The same as numbers, by audit probability; –: not tried.")]
    return Found([_crossed(way, crossings.get(way, {})) for way in ways], pictures)


def _crossed(way: tuple[float | None, bool], entry: Mapping[str, Any]) -> str:
    found, reinforced = entry.get("crossing"), entry.get("reinforced")
    place = "not on the grid" if found is None else f"{found['mean']:.2f} [{found['lo']:.2f}, {found['hi']:.2f}]"
    said = f"{_audited(*way)}: over-claiming falls through one half at an audit probability of {place}"
    if not reinforced or way[0] is not None:
        return said
    average, wrong = reinforced
    return (
        f"{said}; the reward stops paying for it at {entry['expected']:.2f} (surely wrong answers: {1 / 7:.2f}), "
        f"these advantages stop reinforcing it at {average:.2f} (surely wrong answers: {wrong:.2f})"
    )


def _phases(axes: Any, rows: Sequence[Row], boundaries: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    cells = ((row["audit_rate"], end(row, "itp_end"), end(row)) for row in rows if _way(row) == (None, True))
    points = [(rate, right.mean, claimed) for rate, right, claimed in cells if right and claimed]
    regions = [("reinforced", boundaries["reinforced"]), ("pays", boundaries["pays"])]
    figures.phase(axes, regions, points, "audit probability", "chance of being right")


def _way(row: Row) -> tuple[float | None, bool]:
    return row["announced_rate"], row["normalized"]


def _audited(announced_rate: float | None, normalized: bool) -> str:
    announced = "nothing announced" if announced_rate is None else f"{announced_rate:.0%} announced"
    return announced if normalized else f"{announced}, advantages centred"
