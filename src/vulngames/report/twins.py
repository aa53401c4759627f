"""One game on the page: its flawed arm beside its patched twin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vulngames.arm import ARMS, Arm, ArmName
from vulngames.report import format
from vulngames.report.episodes import Excerpt, excerpts
from vulngames.report.figures import Trace, panel
from vulngames.report.finding import Finding, find, find_pay
from vulngames.report.game import Game, game_of
from vulngames.runs import Run
from vulngames.studies.summary import Cell, cell_of


@dataclass(frozen=True)
class Key:
    """One game under one rule."""

    game: str
    arm: ArmName


@dataclass(frozen=True)
class LabelledKey(Key):
    """An arm of twins that are named otherwise than their game: several are of it."""

    label: str


@dataclass(frozen=True)
class Twins:
    """A game's flawed arm and its patched one, either of which may have no runs; `label` is their name on the page, and
    `keys` are those of the two arms in their study, if they are of one."""

    label: str
    flawed: Arm
    patched: Arm
    keys: tuple[Any, Any] | None = None

    @cached_property
    def game(self) -> Game:
        """What their runs say of their game."""
        runs = self.runs
        return game_of(runs[0]) if runs else Game(self.flawed.game)

    @property
    def arms(self) -> tuple[Arm, Arm]:
        return self.flawed, self.patched

    @property
    def runs(self) -> list[Run]:
        """Those of both arms that are there."""
        return [*self.flawed.found, *self.patched.found]

    @cached_property
    def finding(self) -> Finding:
        if self.runs and not self.game.measurable:
            return find_pay(self.shown)
        return find(self.flawed, self.patched)

    def cells(self, home: Path) -> list[Cell]:
        """The arms that have runs, as cells of a study that lies in `home`."""
        cells = []
        for key, arm in zip(self.keys or self._keys, self.arms, strict=True):
            if arm.paths:
                cells.append(cell_of(key, arm, home))
        return cells

    @property
    def _keys(self) -> list[Key]:
        keys: list[Key] = []
        for name, arm in zip(ARMS, self.arms, strict=True):
            keys.append(Key(arm.game, name) if self.label == arm.game else LabelledKey(arm.game, name, self.label))
        return keys

    @property
    def shown(self) -> Arm:
        """The arm whose episodes are shown: the flawed one, if it is there."""
        return self.flawed if self.flawed.found else self.patched

    @cached_property
    def excerpts(self) -> list[Excerpt]:
        return excerpts(self.shown, self.patched if self.shown is self.flawed else self.flawed)

    @property
    def parts(self) -> list[str]:
        return list(dict.fromkeys(self.flawed.parts + self.patched.parts))

    def panels(self, salt: str) -> list[Markup]:
        """Reward, ITP and ER against steps; of what only pays, reward alone.

        Args:
            salt: of their own on the page.
        """
        steps: list[int] = []
        for arm in self.arms:
            for line in arm.lines("reward"):
                steps += [step for step, _ in line]
        if not steps:
            return []
        titles = ("reward", "ITP", "ER") if self.game.measurable else ("reward",)
        return [self._panel(title, (min(steps), max(steps)), salt) for title in titles]

    def traces(self, title: str) -> list[Trace]:
        """Both arms' curves of `reward`, `ITP` or `ER`; what each arm is paid itself, for the first."""
        traces = []
        for arm in self.arms:
            name = arm.pay if title == "reward" else title.lower()
            marks = (_points(arm, "onset_step"), _points(arm, "domination_step")) if title == "ER" else ((), ())
            traces.append(Trace(arm.name, arm.curve(name), arm.lines(name), *marks))
        return traces

    def _panel(self, title: str, steps: tuple[int, int], salt: str) -> Markup:
        traces = self.traces(title)
        changes = [f"{trace.arm} {format.change(trace.start, trace.end)}" for trace in traces]
        words = f"{self.label}, {title} against steps: {'; '.join(changes)}"
        return panel(title, words, traces, steps, title != "reward", f"{salt}-{title}")


def _points(arm: Arm, name: str) -> list[tuple[int, float]]:
    """Where each seed of an arm comes to its onset or domination: the step, and its ER there."""
    points = []
    for run, line in zip(arm.each, arm.lines_used("er"), strict=True):
        step = getattr(run, name)
        if step is not None:
            points.append((step, dict(line)[step].mean))
    return points
