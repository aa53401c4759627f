"""Curves with bands, as inline SVG whose colours are the page's own."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from vulngames.arm import Curve
from vulngames.measure import Interval

# Each colour stands for a CSS variable of the page, so that one figure reads on light and on dark.
_ROLES = {"flawed": "#d55e00", "patched": "#0072b2", "ink": "#101010", "grid": "#e0e0e0", "card": "#fefefe"}
_DASHES: dict[str, str] = {"flawed": "-", "patched": "--"}
_STYLE = {
    "svg.fonttype": "none",
    "font.size": 8,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _ROLES["ink"],
    "axes.linewidth": 0.6,
    "text.color": _ROLES["ink"],
    "axes.labelcolor": _ROLES["ink"],
    "xtick.color": _ROLES["ink"],
    "ytick.color": _ROLES["ink"],
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
        axes.grid(axis="y", color=_ROLES["grid"], linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_title(title, loc="left", fontsize=9, fontweight="bold", pad=5)
        axes.set_xlabel("step", labelpad=2)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", transparent=True, metadata=_NO_METADATA)
    return _inline(drawn.getvalue(), said)


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
            axes.grid(axis="y", color=_ROLES["grid"], linewidth=0.6)
        keys = [Line2D([], [], color=_ROLES[arm], linestyle=dash, label=arm) for arm, dash in _DASHES.items()]
        figure.legend(handles=keys, loc="outside lower center", ncols=2, frameon=False)
        figure.savefig(out, dpi=180, facecolor="white")


def _draw(axes: Any, trace: Trace) -> None:
    colour = _ROLES[trace.arm]
    for line in trace.lines:
        axes.plot([s for s, _ in line], [v.mean for _, v in line], color=colour, linewidth=0.6, alpha=0.45)
    if not trace.curve:
        return
    steps, values = zip(*trace.curve, strict=True)
    axes.fill_between(steps, [v.lo for v in values], [v.hi for v in values], color=colour, alpha=0.16, linewidth=0)
    axes.plot(steps, [v.mean for v in values], color=colour, linewidth=1.6, linestyle=_DASHES[trace.arm])
    means = {step: value.mean for step, value in trace.curve}
    # Where both fall on one step, the diamond lies within the ring.
    for step, marker, size, fill in ((trace.onset, "o", 7.5, _ROLES["card"]), (trace.domination, "D", 3.6, colour)):
        if step is not None:
            axes.plot([step], [means[step]], marker, ms=size, mfc=fill, mec=colour, mew=1.2, clip_on=False, zorder=5)


def _inline(svg: str, said: str) -> Markup:
    svg = svg[svg.index("<svg") :]
    # Its style sheet would reach the whole page, and ids that nothing refers to would not be unique on it.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    referred = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in referred else "", svg)
    for role, colour in _ROLES.items():
        svg = svg.replace(colour, f"var(--{role})")
    svg = re.sub(r' (?:width|height)="[^"]*pt"', "", svg, count=2)
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{escape(said)}"', 1))
