"""Curves with bands, as inline SVG whose colours are the page's own."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullLocator

from vulngames.arm import Curve
from vulngames.files import writing
from vulngames.measure import Interval

# Each colour stands for a CSS variable of the page, so that one figure reads on light and on dark.
ROLES = {
    "flawed": "#d55e00",
    "patched": "#0072b2",
    "third": "#009e73",
    "fourth": "#b0609a",
    "ink": "#101010",
    "soft": "#6b6b6b",
    "grid": "#e0e0e0",
    "card": "#fefefe",
}
COLOURS = ("flawed", "patched", "third", "fourth")
"""Roles that tell up to four curves apart."""
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
    """One arm in one panel: the pooled curve with its band, every seed behind it, and the steps to mark."""

    arm: str
    curve: Curve
    lines: Sequence[Curve]
    onset: int | None = None
    domination: int | None = None

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
            lowest = min((value.lo for trace in traces for _, value in trace.curve), default=0.0)
            axes.set_ylim(min(-0.04, lowest - 0.04), 1.04)
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
    """A labelled curve with its band, or without where many overlap; `colour` is a role of the page's palette."""

    label: str
    points: Series
    colour: str
    dash: str = "-"
    band: bool = True


def sheet(
    titles: Sequence[str],
    draws: Sequence[Draw],
    said: str,
    salt: str,
    columns: int = 4,
    height: float = 1.9,
    width: float = 2.75,
) -> Markup:
    """Small panels side by side, each drawn by its own function on its axes."""
    rows = -(-len(draws) // columns)
    with matplotlib.style.context(["default", {**_STYLE, "svg.hashsalt": salt}]):
        figure = Figure(figsize=(width * min(columns, len(draws)), height * rows), layout="constrained")
        grid = figure.subplots(rows, min(columns, len(draws)), squeeze=False).flatten()
        for axes, title, draw in zip(grid, titles, draws, strict=False):
            draw(axes)
            axes.set_title(title, loc="left", fontsize=8.5, fontweight="bold", pad=4)
        for axes in grid[len(draws) :]:
            axes.set_axis_off()
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", transparent=True, metadata=_NO_METADATA)
    svg = drawn.getvalue().replace("<svg", f'<svg style="width: {100 * figure.get_figwidth():.0f}px"', 1)
    return _inline(svg, said)


def lines(axes: Any, curves: Sequence[Line], xlabel: str) -> None:
    """Shares against a number."""
    for curve in curves:
        if curve.points:
            x, values = zip(*curve.points, strict=True)
            colour = ROLES[curve.colour]
            if curve.band:
                low, high = [v.lo for v in values], [v.hi for v in values]
                axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
            axes.plot(x, [v.mean for v in values], curve.dash, color=colour, linewidth=1.3, label=curve.label, ms=3)
    drawn = (value.lo if curve.band else value.mean for curve in curves for _, value in curve.points)
    lowest = min(drawn, default=0.0)
    axes.set_ylim(min(-0.04, lowest - 0.04), 1.04)
    axes.grid(axis="y", color=ROLES["grid"], linewidth=0.6)
    axes.set_xlabel(xlabel, labelpad=1)
    if xlabel.startswith("step"):
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if any(curve.points for curve in curves):
        axes.legend(fontsize=6, frameon=False, handlelength=1.6, labelspacing=0.25)


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
    """Seeds as dots on a line a condition; those without a value stand at `never`, hollow."""
    for y, (_, values, colour) in enumerate(rows):
        for i, value in enumerate(values):
            fill = ROLES["card"] if value is None else ROLES[colour]
            place = y + 0.18 * (i - (len(values) - 1) / 2)
            axes.plot([never if value is None else value], [place], "o", ms=4, mfc=fill, mec=ROLES[colour], mew=0.9)
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows], fontsize=6.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-0.5, never + 0.5)
    axes.grid(axis="x", color=ROLES["grid"], linewidth=0.6)
    axes.set_xlabel(xlabel, labelpad=1)


def bars(axes: Any, rows: Sequence[tuple[str, Interval | None, Interval | None]]) -> None:
    """From a start (hollow) to an end (full), one line a row, with the intervals of both."""
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
    """ER against steps, a panel a game side by side, as a picture in the format that `out` ends in."""
    with matplotlib.style.context(["default", {**_STYLE, "svg.hashsalt": "overview"}]):
        shown = [trace for _, traces in panels for trace in traces]
        bands = [value.lo for trace in shown for _, value in trace.curve]
        seeds = [value.mean for trace in shown for line in trace.lines for _, value in line]
        # One scale for all panels, down to the lowest thing drawn: a gap may be negative.
        lowest = min([0.0, *bands, *seeds])
        figure = Figure(figsize=(2.5 * len(panels), 2.3), layout="constrained")
        for axes, (title, traces) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for trace in traces:
                _draw(axes, trace)
            axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
            axes.set_xlabel("step")
            axes.set_ylabel("ER")
            axes.set_ylim(lowest - 0.04, 1.04)
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.grid(axis="y", color=ROLES["grid"], linewidth=0.6)
        keys = [Line2D([], [], color=ROLES[arm], linestyle=dash, label=arm) for arm, dash in _DASHES.items()]
        figure.legend(handles=keys, loc="outside lower center", ncols=2, frameon=False)
        with writing(out) as file:
            figure.savefig(file, format=out.suffix[1:], dpi=180, facecolor="white")


def _draw(axes: Any, trace: Trace) -> None:
    colour = ROLES[trace.arm]
    for line in trace.lines:
        axes.plot([s for s, _ in line], [v.mean for _, v in line], color=colour, linewidth=0.6, alpha=0.45)
    if not trace.curve:
        return
    steps, values = zip(*trace.curve, strict=True)
    axes.fill_between(steps, [v.lo for v in values], [v.hi for v in values], color=colour, alpha=0.16, linewidth=0)
    axes.plot(steps, [v.mean for v in values], color=colour, linewidth=1.6, linestyle=_DASHES[trace.arm])
    means = {step: value.mean for step, value in trace.curve}
    # Where both fall on one step, the diamond lies within the ring.
    for step, marker, size, fill in ((trace.onset, "o", 7.5, ROLES["card"]), (trace.domination, "D", 3.6, colour)):
        if step is not None:
            axes.plot([step], [means[step]], marker, ms=size, mfc=fill, mec=colour, mew=1.2, clip_on=False, zorder=5)


def _inline(svg: str, said: str) -> Markup:
    svg = svg[svg.index("<svg") :]
    # Its style sheet would reach the whole page, and ids that nothing refers to would not be unique on it.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    referred = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in referred else "", svg)
    for role, colour in ROLES.items():
        svg = svg.replace(colour, f"var(--{role})")
    svg = re.sub(r' (?:width|height)="[^"]*pt"', "", svg, count=2)
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{escape(said)}"', 1))
