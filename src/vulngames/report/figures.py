"""Curves and matrices, as inline SVG whose colours are the page's own."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib.style
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullLocator

from vulngames.arm import Arm, Curve
from vulngames.files import writing
from vulngames.measures import Interval
from vulngames.studies.summary import Cell

# Each colour stands for a CSS variable of the page, so that one figure reads on light and on dark.
ROLES = {
    "flawed": "#d55e00",
    "patched": "#0072b2",
    "third": "#009e73",
    "fourth": "#b0609a",
    "fifth": "#c79200",
    "sixth": "#2fa6c9",
    "seventh": "#7a5230",
    "eighth": "#6f5bb5",
    "ink": "#101010",
    "soft": "#6b6b6b",
    "grid": "#e0e0e0",
    "card": "#fefefe",
}
COLOURS = ("flawed", "patched", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
"""Roles that tell curves apart."""
_MOST_IN_A_PANEL = 8
"""Curves whose names have room within a panel."""
_PANELS_IN_A_ROW = 4
_DASHES: dict[str, str] = {"flawed": "-", "patched": "--"}
_STYLE = {
    "svg.fonttype": "none",
    "font.size": 8,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": ROLES["ink"],
    "axes.linewidth": 0.6,
    "text.color": ROLES["ink"],
    "axes.labelcolor": ROLES["ink"],
    "xtick.color": ROLES["ink"],
    "ytick.color": ROLES["ink"],
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
}
# Its date and addresses have no place on the page.
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@dataclass(frozen=True)
class Trace:
    """One arm in one panel: the mean over seeds, every seed behind it, and the points of seeds to mark.

    A single run has the band of its sampling; a mean over seeds has none, which would be read as where seeds lie.
    """

    arm: str
    curve: Curve
    lines: Sequence[Curve]
    onsets: Sequence[tuple[int, float]] = ()
    dominations: Sequence[tuple[int, float]] = ()

    @property
    def band(self) -> bool:
        return len(self.lines) < 2

    @property
    def lowest(self) -> float:
        """The lowest thing drawn, or 0."""
        return min(_lowest([self.curve], self.band), _lowest(self.lines, band=False))

    @property
    def start(self) -> Interval | None:
        return self.curve[0][1] if self.curve else None

    @property
    def end(self) -> Interval | None:
        return self.curve[-1][1] if self.curve else None


def panel(title: str, said: str, traces: Sequence[Trace], steps: tuple[int, int], share: bool, salt: str) -> Markup:
    """One measure against steps.

    Args:
        title: the measure's name.
        said: the same in words, for those who do not see it.
        steps: the ends of the x axis, shared between panels.
        share: the measure lies in [0, 1], or in [-1, 1] if it is a gap.
        salt: makes the SVG's ids its own on the page, and the same every time.
    """
    with matplotlib.style.context(["default", {**_STYLE, "svg.hashsalt": salt}]):
        figure = Figure(figsize=(3.3, 2.15))
        axes = figure.add_axes((0.115, 0.165, 0.87, 0.725))
        for trace in traces:
            _draw(axes, trace)
        pad = max(0.5, (steps[1] - steps[0]) * 0.025)
        axes.set_xlim(steps[0] - pad, steps[1] + pad)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        if share:
            _down_to(axes, min((trace.lowest for trace in traces), default=0.0))
            axes.set_yticks([tick for tick in (-1, -0.5, 0, 0.5, 1) if tick >= axes.get_ylim()[0]])
        axes.grid(axis="y", color=ROLES["grid"], linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_title(title, loc="left", fontsize=9, fontweight="bold", pad=5)
        axes.set_xlabel("step", labelpad=2)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", transparent=True, metadata=_NO_METADATA)
    return _inline(drawn.getvalue(), said)


Series = Sequence[tuple[float, Interval]]
Draw = Callable[[Any], None]


@dataclass(frozen=True)
class Line:
    """A labelled curve, with thin ones of the seeds it is the mean of; `colour` is a role of the page's palette.

    `band`, `bars`: whether to draw the curve's intervals, between its points or at each of them alone; a mean over
    seeds has them only where it is said to what they hold.
    """

    label: str
    points: Series
    colour: str
    dash: str = "-"
    seeds: Sequence[Series] = ()
    band: bool = False
    bars: bool = False


def over_steps(label: str, arm: Arm, name: str, colour: str, dash: str = "-") -> Line:
    """A measure of an arm against steps: the mean with its seeds, or a single run with the band of its sampling."""
    seeds = arm.lines(name)
    alone = len(seeds) < 2
    return Line(label, arm.curve(name), colour, dash, () if alone else seeds, band=alone)


def over_cells(label: str, cells: Sequence[tuple[float, Cell]], name: str, colour: str, dash: str) -> Line:
    """A measure of cells (`er_end` and its like) by a number that each has, where it could be measured."""
    mean = [(x, value) for x, cell in cells if (value := getattr(cell.ends, name)) is not None]
    runs = max((len(cell.each) for _, cell in cells), default=0)
    seeds = []
    for place in range(runs):
        values = [(x, cell.of_seeds(name)[place]) for x, cell in cells]
        seeds.append([(x, value) for x, value in values if value is not None])
    return Line(label, mean, colour, dash, seeds if runs > 1 else (), band=runs == 1)


def colours(names: Iterable[Hashable]) -> dict[Any, str]:
    """A role for each name; they come again where there are more names than roles."""
    return dict(zip(dict.fromkeys(names), cycle(COLOURS), strict=False))


def sheet(
    titles: Sequence[str],
    draws: Sequence[Draw],
    said: str,
    salt: str,
    columns: int = _PANELS_IN_A_ROW,
    height: float = 1.9,
    width: float = 2.75,
) -> Markup:
    """Small panels side by side, each drawn by its own function on its axes."""
    columns = min(columns, len(draws))
    rows = -(-len(draws) // columns)
    with matplotlib.style.context(["default", {**_STYLE, "svg.hashsalt": salt}]):
        figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).flatten()
        for axes, title, draw in zip(grid, titles, draws, strict=False):
            draw(axes)
            axes.set_title(title, loc="left", fontsize=8.5, fontweight="bold", pad=4)
        for axes in grid[len(draws) :]:
            axes.set_axis_off()
        _share_legend(figure, grid)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", transparent=True, metadata=_NO_METADATA)
    svg = drawn.getvalue().replace("<svg", f'<svg style="width: {100 * figure.get_figwidth():.0f}px"', 1)
    return _inline(svg, said)


def maps(titles: Sequence[str], draws: Sequence[Draw], said: str, salt: str, games: int) -> Markup:
    """Heat maps of what was trained first by what is next, as large as so many games ask for."""
    width, height = max(2.75, 1.15 + 0.36 * games), max(2.4, 1.2 + 0.24 * games)
    return sheet(titles, draws, said, salt, columns=len(draws) if games <= 6 else 2, height=height, width=width)


def rows_high(rows: int) -> float:
    """The height of a panel in which so many rows are named."""
    return max(2.1, 0.7 + 0.15 * rows)


def _share_legend(figure: Figure, grid: Iterable[Any]) -> None:
    """Name curves once below all panels, where they are too many to be named within each."""
    grid = list(grid)
    legends = [axes.get_legend() for axes in grid if axes.get_legend()]
    if all(len(legend.get_texts()) <= _MOST_IN_A_PANEL for legend in legends):
        return
    named: dict[str, Any] = {}
    for axes in grid:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
        if axes.get_legend():
            axes.get_legend().remove()
    columns = max(1, int(figure.get_figwidth() / 1.6))
    figure.legend(named.values(), named, loc="outside lower center", ncols=columns, fontsize=6.5, frameon=False)
    extra = 0.13 * -(-len(named) // columns)
    figure.set_figheight(figure.get_figheight() + extra)


def lines(axes: Any, curves: Sequence[Line], xlabel: str) -> None:
    """Shares against a number."""
    for curve in curves:
        _line(axes, curve)
    lowest = 0.0
    for curve in curves:
        lowest = min(lowest, _lowest([curve.points], curve.band), _lowest(curve.seeds, band=False))
    _down_to(axes, lowest)
    axes.grid(axis="y", color=ROLES["grid"], linewidth=0.6)
    axes.set_xlabel(xlabel, labelpad=1)
    if xlabel.startswith("step"):
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if any(curve.points for curve in curves):
        axes.legend(fontsize=6, frameon=False, handlelength=1.6, labelspacing=0.25)


def _line(axes: Any, curve: Line) -> None:
    if not curve.points:
        return
    x, values = zip(*curve.points, strict=True)
    colour = ROLES[curve.colour]
    if curve.band:
        _band(axes, x, values, colour, 0.12)
    if curve.bars:
        axes.vlines(x, [value.lo for value in values], [value.hi for value in values], colors=colour, linewidth=0.8)
    _seeds(axes, curve.seeds, colour)
    axes.plot(x, _means(values), curve.dash, color=colour, linewidth=1.3, label=curve.label, ms=3)


def _seeds(axes: Any, lines: Sequence[Series], colour: str) -> None:
    for line in lines:
        if line:
            x, values = zip(*line, strict=True)
            axes.plot(x, _means(values), color=colour, linewidth=0.6, alpha=0.45)


def _band(axes: Any, x: Sequence[float], values: Sequence[Interval], colour: str, alpha: float) -> None:
    low = [value.lo for value in values]
    high = [value.hi for value in values]
    axes.fill_between(x, low, high, color=colour, alpha=alpha, linewidth=0)


def _means(values: Sequence[Interval]) -> list[float]:
    return [value.mean for value in values]


def _lowest(curves: Sequence[Series], band: bool = True) -> float:
    """The lowest thing drawn of curves, or 0: of gaps, shares may be negative."""
    lowest = 0.0
    for curve in curves:
        for _, value in curve:
            lowest = min(lowest, value.lo if band else value.mean)
    return lowest


def _down_to(axes: Any, lowest: float) -> None:
    axes.set_ylim(lowest - 0.04, 1.04)


def heat(
    axes: Any,
    cells: Sequence[Sequence[Interval | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    most: float = 1.0,
    digits: int = 2,
) -> None:
    """A matrix of numbers up to `most`: the fuller the colour, the larger; in the other colour below zero."""
    for y, row in enumerate(cells):
        for x, value in enumerate(row):
            if value is not None:
                colour = ROLES["flawed" if value.mean >= 0 else "patched"]
                alpha = 0.75 * min(1.0, abs(value.mean) / most)
                axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, alpha=alpha, lw=0))
            text = "–" if value is None else f"{value.mean:.{digits}f}".replace("-", "\N{MINUS SIGN}")
            axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=7)
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    axes.set_xticks([i + 0.5 for i in range(len(columns))], columns, rotation=30, ha="right", fontsize=7)
    axes.set_yticks([i + 0.5 for i in range(len(rows))], rows, fontsize=7)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def phase(
    axes: Any,
    regions: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    points: Sequence[tuple[float, float, Interval]],
    xlabel: str,
    ylabel: str,
) -> None:
    """A unit square, and in it named regions that lie above and left of a boundary each, the larger first; points
    (x, y, share) are the fuller, the larger their share."""
    for name, boundary in regions:
        x, y = zip(*boundary, strict=True)
        axes.fill_betweenx(y, 0, x, color=ROLES["flawed"], alpha=0.1, linewidth=0)
        axes.plot(x, y, color=ROLES["soft"], linewidth=0.9)
        axes.annotate(name, (x[0], 0), fontsize=6.5, xytext=(2, 3), textcoords="offset points", rotation=60)
    for at, height, share in points:
        axes.plot([at], [height], "o", ms=6.5, mfc=ROLES["card"], mec=ROLES["ink"], mew=0.9)
        axes.plot([at], [height], "o", ms=6.5, mfc=ROLES["flawed"], mew=0, alpha=max(0.0, min(1.0, share.mean)))
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(xlabel, labelpad=1)
    axes.set_ylabel(ylabel, labelpad=1)


def dots(axes: Any, rows: Sequence[tuple[str, Sequence[float | None], str]], never: float, xlabel: str) -> None:
    """Seeds as dots on a line per condition; those without a value stand at `never`, hollow."""
    for y, (_, values, colour) in enumerate(rows):
        for i, value in enumerate(values):
            fill = ROLES["card"] if value is None else ROLES[colour]
            place = y + 0.18 * (i - (len(values) - 1) / 2)
            at = never if value is None else value
            axes.plot([at], [place], "o", ms=4, mfc=fill, mec=ROLES[colour], mew=0.9, clip_on=False)
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows], fontsize=6.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-0.5, never + 0.5)
    axes.grid(axis="x", color=ROLES["grid"], linewidth=0.6)
    axes.set_xlabel(xlabel, labelpad=1)


def bars(axes: Any, rows: Sequence[tuple[str, Interval | None, Interval | None]]) -> None:
    """From a start (hollow) to an end (full), one line per row, with the intervals of both."""
    for y, (_, *pair) in enumerate(rows):
        for value, place, fill in zip(pair, (y - 0.13, y + 0.13), ("card", "patched"), strict=True):
            if value is not None:
                axes.plot([value.lo, value.hi], [place, place], color=ROLES["patched"], linewidth=1)
                axes.plot([value.mean], [place], "o", ms=5, mfc=ROLES[fill], mec=ROLES["patched"])
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows], fontsize=7)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.axvline(0, color=ROLES["grid"], linewidth=0.8)
    axes.grid(axis="x", color=ROLES["grid"], linewidth=0.6)


def ticks(axes: Any, values: Sequence[float]) -> None:
    """Ticks at these numbers and nowhere else, in thousands."""
    axes.set_xticks(values, [f"{value / 1000:,.0f} k" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())


def mark(axes: Any, x: float, text: str) -> None:
    """A vertical line with a word."""
    axes.axvline(x, color=ROLES["soft"], linewidth=0.9, linestyle=":")
    axes.annotate(text, (x, 1.0), fontsize=6.5, xytext=(3, -6), textcoords="offset points")


def overview(panels: Sequence[tuple[str, Sequence[Trace]]], out: Path) -> None:
    """ER against steps, a panel per game side by side, as a picture in the format that `out` ends in."""
    with matplotlib.style.context(["default", {**_STYLE, "svg.hashsalt": "overview"}]):
        # One scale for all panels, down to the lowest thing drawn.
        lowest = 0.0
        for _, traces in panels:
            lowest = min([lowest, *(trace.lowest for trace in traces)])
        columns = min(_PANELS_IN_A_ROW, len(panels))
        rows = -(-len(panels) // columns)
        figure = Figure(figsize=(2.5 * columns, 2.3 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).flatten()
        for axes, (title, traces) in zip(grid, panels, strict=False):
            for trace in traces:
                _draw(axes, trace)
            axes.set_title(textwrap.fill(title, 30), loc="left", fontsize=9, fontweight="bold")
            axes.set_xlabel("step")
            axes.set_ylabel("ER")
            _down_to(axes, lowest)
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.grid(axis="y", color=ROLES["grid"], linewidth=0.6)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        keys = [Line2D([], [], color=ROLES[arm], linestyle=dash, label=arm) for arm, dash in _DASHES.items()]
        figure.legend(handles=keys, loc="outside lower center", ncols=2, frameon=False)
        with writing(out) as file:
            figure.savefig(file, format=out.suffix[1:], dpi=180, facecolor="white")


def _draw(axes: Any, trace: Trace) -> None:
    colour = ROLES[trace.arm]
    if not trace.band:
        _seeds(axes, trace.lines, colour)
    if not trace.curve:
        return
    steps, values = zip(*trace.curve, strict=True)
    if trace.band:
        _band(axes, steps, values, colour, 0.16)
    axes.plot(steps, _means(values), color=colour, linewidth=1.6, linestyle=_DASHES[trace.arm])
    # Where both fall on one step, the diamond lies within the ring.
    for points, marker, size, fill in ((trace.onsets, "o", 5.5, ROLES["card"]), (trace.dominations, "D", 2.6, colour)):
        for step, er in points:
            axes.plot([step], [er], marker, ms=size, mfc=fill, mec=colour, mew=0.9, clip_on=False, zorder=5)


def _inline(svg: str, said: str) -> Markup:
    svg = svg[svg.index("<svg") :]
    # Its style sheet would reach the whole page, and ids that nothing refers to would not be unique on it.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    referred = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in referred else "", svg)
    for role, colour in ROLES.items():
        svg = svg.replace(colour, f"var(--{role})")
    svg = re.sub(r' (?:width|height)="[^"]*pt"', "", svg, count=2)
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{escape(said)}"', 1))
