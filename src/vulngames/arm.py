"""One arm, read from its run directories: curves over steps, pooled over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from vulngames.games import spec
from vulngames.measures import BlindSpot, Interval, across_seeds, blind_spot, domination, interval, onset, plain
from vulngames.runs import Run
from vulngames.types import WELL_FORMED

Curve = list[tuple[int, Interval]]
ArmName = Literal["flawed", "patched"]
ARMS: tuple[ArmName, ...] = ("flawed", "patched")
"""Which rule pays."""


@dataclass(frozen=True)
class Arm:
    """Runs that differ in seed alone, or none: an arm that is not there has no paths.

    A measure is named as in a row of metrics.jsonl, with dots: `er`, `paper.er`, `parts.refused_user`.

    Attributes:
        game: the game's id.
        name: which rule paid, `flawed` or `patched`; empty where arms are not of one training.
        paths: the run directories that belong to it, found or not.
    """

    game: str
    name: str
    paths: tuple[Path, ...]

    @property
    def pay(self) -> str:
        """The measure that holds what this arm is paid."""
        return "reward" if self.name == "flawed" else "patched"

    @cached_property
    def found(self) -> list[Run]:
        """The runs that are there."""
        return [Run(path) for path in self.paths if (path / "run.json").is_file()]

    @cached_property
    def used(self) -> list[Run]:
        """The runs that numbers are made of: the finished ones, or every one while none is."""
        return [run for run in self.found if run.finished] or self.found

    @cached_property
    def alone(self) -> list[Arm]:
        """Each of its runs by itself, found or not."""
        return [Arm(self.game, self.name, (path,)) for path in self.paths]

    @property
    def complete(self) -> bool:
        return bool(self.paths) and sum(run.finished for run in self.found) == len(self.paths)

    @cached_property
    def _rows(self) -> dict[Path, dict[int, dict[str, Any]]]:
        return {run.path: {row["step"]: row for row in run.metrics()} for run in self.found}

    @cached_property
    def _pooled(self) -> list[dict[int, dict[str, Any]]]:
        return [rows for run in self.used if (rows := self._rows[run.path])]

    @cached_property
    def steps(self) -> list[int]:
        """The steps at which every used run was evaluated."""
        return sorted(set.intersection(*map(set, self._pooled))) if self._pooled else []

    @cached_property
    def gap(self) -> bool:
        """Whether ER is a difference, which may lie below 0, by what the runs say of their game."""
        for run in self.found:
            if "game" in (about := run.about):
                return bool(about["game"]["measures"] and about["game"]["measures"]["gap"])
        # They are older than that; this package's own games are all there were.
        measures = spec(self.game).measures
        return measures is not None and measures.gap is not None

    def at(self, name: str, step: int) -> Interval | None:
        """A measure over seeds at one step; seeds at which it could not be measured are left out."""
        low = -1.0 if name in ("er", "paper.er") and self.gap else 0.0
        limits = (-math.inf, math.inf) if name in ("reward", "patched") else (low, 1.0)
        seen = [value for rows in self._pooled if (value := _pick(rows[step], name)) is not None]
        return across_seeds(seen, limits)

    def start(self, name: str) -> Interval | None:
        return self.at(name, self.steps[0]) if self.steps else None

    def end(self, name: str) -> Interval | None:
        return self.at(name, self.steps[-1]) if self.steps else None

    def curve(self, name: str) -> Curve:
        """A measure over seeds, at the steps where it could be measured."""
        return [(step, value) for step in self.steps if (value := self.at(name, step)) is not None]

    def lines(self, name: str) -> list[Curve]:
        """The same for every run by itself, unfinished ones too."""
        return [
            [(step, value) for step, row in rows.items() if (value := _pick(row, name)) is not None]
            for rows in self._rows.values()
        ]

    @cached_property
    def onset(self) -> int | None:
        return onset(self.curve("er"))

    @cached_property
    def domination(self) -> int | None:
        return domination(self.curve("er"))

    @property
    def parts(self) -> list[str]:
        """The named shares that explain the measures, if the game has any."""
        return list(dict.fromkeys(name for rows in self._pooled for row in rows.values() for name in row["parts"]))

    @property
    def exploits_end(self) -> tuple[int, int] | None:
        """Of the held-out samples at the last step, how many were well-formed exploits, and how many exploits at all;
        None where the runs do not say."""
        formed = exploited = 0
        for rows in self._pooled if self.steps else ():
            row = rows[self.steps[-1]]
            count, share = row.get("exploited"), row["parts"].get(WELL_FORMED)
            if count is None or (count and share is None):
                return None
            exploited += count
            formed += round(count * share["mean"]) if count else 0
        return (formed, exploited) if self.steps else None

    @property
    def failed(self) -> tuple[int, int]:
        """Evaluated samples without a reward, and all of them."""
        rows = [row for rows in self._pooled for row in rows.values()]
        return sum(row["failed"] for row in rows), sum(row["n"] for row in rows)


@dataclass(frozen=True)
class Measured:
    """ITP and ER at the first and at the last evaluation; None where nothing could be measured."""

    itp_start: Interval | None
    itp_end: Interval | None
    er_start: Interval | None
    er_end: Interval | None


@dataclass(frozen=True)
class Ends(Measured):
    """What a table says of an arm.

    Attributes:
        cut_end: the share of samples with a cut reply at the last evaluation.
        well_formed_end: the share of exploits that were well-formed, likewise.
        failed, evaluated: samples without a reward, and all of them, over every evaluation.
        onset_step, domination_step: see `measure`; None if there is none.
        steps: the last evaluated one; eval_every: steps between evaluations.
        paper: by the paper's definitions.
    """

    cut_end: Interval | None
    well_formed_end: Interval | None
    failed: int
    evaluated: int
    onset_step: int | None
    domination_step: int | None
    steps: int | None
    eval_every: int | None
    paper: Measured
    itp_change: Interval | None

    @property
    def opened(self) -> bool | None:
        """Whether the exploit came to dominate and stayed; None without an ER at two evaluations."""
        if self.er_end is None or self.eval_every is None:
            return None
        return self.domination_step is not None

    @property
    def blind_spot(self) -> BlindSpot:
        """Whether ITP stayed as it was while the exploit opened."""
        return blind_spot(self.opened, self.itp_start, self.itp_change)


def ends(arm: Arm) -> Ends:
    """What a table says of an arm, with intervals as files hold them."""
    failed, evaluated = arm.failed
    return Ends(
        **_measured(arm, ""),
        cut_end=rounded(arm.end("cut")),
        well_formed_end=rounded(arm.end(f"parts.{WELL_FORMED}")),
        failed=failed,
        evaluated=evaluated,
        onset_step=arm.onset,
        domination_step=arm.domination,
        steps=arm.steps[-1] if arm.steps else None,
        eval_every=arm.steps[1] - arm.steps[0] if len(arm.steps) > 1 else None,
        paper=Measured(**_measured(arm, "paper.")),
        itp_change=rounded(arm.end("change.itp")),
    )


def _measured(arm: Arm, prefix: str) -> dict[str, Interval | None]:
    return {
        "itp_start": rounded(arm.start(f"{prefix}itp")),
        "itp_end": rounded(arm.end(f"{prefix}itp")),
        "er_start": rounded(arm.start(f"{prefix}er")),
        "er_end": rounded(arm.end(f"{prefix}er")),
    }


def rounded(value: Interval | None) -> Interval | None:
    """An interval with as many digits as files hold of it."""
    written = plain(value)
    return None if written is None else interval(written)


def _pick(row: Mapping[str, Any], name: str) -> Interval | None:
    value: Any = row
    for key in name.split("."):
        value = value.get(key) if value is not None else None
    return None if value is None else interval(value)
