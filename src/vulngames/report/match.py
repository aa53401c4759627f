"""One game on the page: its two arms against each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup

from vulngames.arm import Arm
from vulngames.games import GAMES
from vulngames.report import number
from vulngames.report.excerpt import Excerpt, excerpts
from vulngames.report.figures import Trace, panel
from vulngames.report.finding import Finding, find


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
        return GAMES[self.flawed.game]

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

    @property
    def excerpts(self) -> list[Excerpt]:
        return excerpts(self.shown)

    @property
    def parts(self) -> list[str]:
        return list(dict.fromkeys(part for arm in self.arms for part in arm.parts))

    def panels(self) -> list[Markup]:
        """Reward, ITP and ER against steps."""
        steps = [step for arm in self.arms for line in arm.lines("reward") for step, _ in line]
        if not steps:
            return []
        return [self._panel(title, (min(steps), max(steps))) for title in ("reward", "ITP", "ER")]

    def _panel(self, title: str, steps: tuple[int, int]) -> Markup:
        er, traces, said = title == "ER", [], []
        for arm in self.arms:
            name = arm.pay if title == "reward" else title.lower()
            marks = (arm.onset, arm.domination) if er else (None, None)
            traces.append(Trace(arm.name, arm.curve(name), arm.lines(name), *marks))
            said.append(f"{arm.name} {number.change(arm.start(name), arm.end(name))}")
        words = f"{self.label}, {title} against steps: {'; '.join(said)}"
        return panel(title, words, traces, steps, title != "reward", f"{self.anchor}-{title}")
