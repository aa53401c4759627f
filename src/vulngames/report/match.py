"""One game on the page: its two arms against each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup

from vulngames.arm import Arm
from vulngames.games import spec
from vulngames.report import number
from vulngames.report.excerpt import Excerpt, excerpts
from vulngames.report.figures import Trace, panel
from vulngames.report.finding import Finding, find
from vulngames.report.row import Row, row_of


@dataclass(frozen=True)
class Match:
    """One game's flawed arm against its patched twin. `anchor` is its own on the page."""

    label: str
    anchor: str
    flawed: Arm
    patched: Arm

    @property
    def game(self) -> Any:
        """The game's class: what was asked for, the hole, the measures."""
        return spec(self.flawed.game).game

    @property
    def arms(self) -> tuple[Arm, Arm]:
        return self.flawed, self.patched

    @cached_property
    def finding(self) -> Finding:
        return find(self.flawed, self.patched)

    @property
    def shown(self) -> Arm:
        """The arm whose episodes are shown: the flawed one, if it is there."""
        return self.flawed if self.flawed.found else self.patched

    @cached_property
    def excerpts(self) -> list[Excerpt]:
        return excerpts(self.shown, self.patched if self.shown is self.flawed else self.flawed)

    @cached_property
    def rows(self) -> list[Row]:
        """The arms that have runs, as cells of a study; named as the match is where that is not only its game."""
        found = [row_of(arm) for arm in self.arms if arm.paths]
        if self.label == self.flawed.game:
            return found
        return [Row({**row.held, "label": self.label}, row.home) for row in found]

    @property
    def parts(self) -> list[str]:
        return list(dict.fromkeys(part for arm in self.arms for part in arm.parts))

    def panels(self) -> list[Markup]:
        """Reward, ITP and ER against steps."""
        steps = [step for arm in self.arms for line in arm.lines("reward") for step, _ in line]
        if not steps:
            return []
        return [self._panel(title, (min(steps), max(steps))) for title in ("reward", "ITP", "ER")]

    def traces(self, title: str) -> list[Trace]:
        """Both arms' curves of `reward`, `ITP` or `ER`; what each arm is paid itself, for the first."""
        names = [arm.pay if title == "reward" else title.lower() for arm in self.arms]
        marks = [(arm.onset, arm.domination) if title == "ER" else (None, None) for arm in self.arms]
        return [
            Trace(arm.name, arm.curve(name), arm.lines(name), *mark)
            for arm, name, mark in zip(self.arms, names, marks, strict=True)
        ]

    def _panel(self, title: str, steps: tuple[int, int]) -> Markup:
        traces = self.traces(title)
        said = [f"{trace.arm} {number.change(trace.start, trace.end)}" for trace in traces]
        words = f"{self.label}, {title} against steps: {'; '.join(said)}"
        return panel(title, words, traces, steps, title != "reward", f"{self.anchor}-{title}")
