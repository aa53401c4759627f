"""One arm, read from its run directories: curves over steps, of every seed and of their mean."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from vulngames.games import spec
from vulngames.measures import (
    BlindSpot,
    Interval,
    across_seeds,
    blind_spot,
    domination,
    given_open,
    interval,
    onset,
    plain,
    range_of,
    sampling,
    share_of,
)
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
    def seeds(self) -> list[str]:
        """The seed of each of the used runs; its directory's name, if it does not say."""
        return [str(run.about["config"].get("seed", run.path.name)) for run in self.used]

    @cached_property
    def each(self) -> list[Ends]:
        """What each of the used runs measured by itself."""
        return [ends(Arm(self.game, self.name, (run.path,))) for run in self.used]

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

    @cached_property
    def _one_start(self) -> bool:
        """Whether the used runs start from the very same policy, so that they differ there by sampling alone."""
        starts = set()
        for run in self.used:
            about = run.about
            digests = about.get("inputs", {}).get("policy")
            starts.add(json.dumps(digests, sort_keys=True) if digests else str(about["config"].get("policy")))
        return len(starts) == 1

    def at(self, name: str, step: int) -> Interval | None:
        """A measure over seeds at one step; seeds at which it could not be measured are left out.

        The interval is of the mean over all seeds that could be drawn (`across_seeds`); of sampling alone where there
        is one run, whose own it is then, or where no run has been trained and all are of one policy. Of pay, which has
        no bounds, it is the seeds' `Range`.
        """
        low = -1.0 if name.startswith("change.") or (name in ("er", "paper.er") and self.gap) else 0.0
        unbounded = name in ("reward", "patched")
        limits = (-math.inf, math.inf) if unbounded else (low, 1.0)
        seen = [value for rows in self._pooled if (value := _pick(rows[step], name)) is not None]
        if len(self._pooled) == 1 or (step == 0 and self._one_start):
            return sampling(seen, limits)
        if unbounded:
            return range_of(seen) if seen else None
        return across_seeds(seen, limits)

    def start(self, name: str) -> Interval | None:
        return self.at(name, self.steps[0]) if self.steps else None

    def end(self, name: str) -> Interval | None:
        return self.at(name, self.steps[-1]) if self.steps else None

    def curve(self, name: str) -> Curve:
        """A measure over seeds (`at`), at the steps where it could be measured."""
        return [(step, value) for step in self.steps if (value := self.at(name, step)) is not None]

    def lines(self, name: str) -> list[Curve]:
        """The same for every run by itself, unfinished ones too."""
        return [_curve(rows, name) for rows in self._rows.values()]

    def lines_used(self, name: str) -> list[Curve]:
        """The same for the used runs alone, in the order of `each`."""
        return [_curve(self._rows[run.path], name) for run in self.used]

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
class Evaluated(Measured):
    """What a table says of runs, one or several.

    Attributes:
        cut_end: the share of samples with a cut reply at the last evaluation.
        well_formed_end: the share of exploits that were well-formed, likewise.
        itp_change: ITP at the last evaluation minus that at the first, paired by task; None in files from before it was
            kept.
        failed, evaluated: samples without a reward, and all of them, over every evaluation.
        steps: the last evaluated one; eval_every: steps between evaluations.
        paper: by the paper's definitions.
    """

    cut_end: Interval | None
    well_formed_end: Interval | None
    itp_change: Interval | None
    failed: int
    evaluated: int
    steps: int | None
    eval_every: int | None
    paper: Measured


@dataclass(frozen=True)
class Ends(Evaluated):
    """What a table says of one run: its intervals are of sampling alone, and speak of no other seed.

    Attributes:
        onset_step, domination_step: see `measures`; None if there is none.
    """

    onset_step: int | None
    domination_step: int | None

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


@dataclass(frozen=True)
class Pooled(Evaluated):
    """What a table says of an arm: means over its runs, and how many of them open. When, is each run's own.

    Attributes:
        opened: how many runs come to be dominated by the exploit, of `judged` in which that could be measured.
        opens: that share, with its exact interval over seeds.
        er_opened: ER at the end over the runs that open, with its interval over seeds.
    """

    opened: int
    judged: int
    opens: Interval | None
    er_opened: Interval | None


def ends(run: Arm) -> Ends:
    """What a table says of an arm of one run, found or not, with intervals as files hold them."""
    er = run.curve("er")
    return Ends(**_evaluated(run), onset_step=onset(er), domination_step=domination(er))


def pooled(arm: Arm) -> Pooled:
    """What a table says of an arm, with intervals as files hold them."""
    answers = [run.opened for run in arm.each if run.opened is not None]
    levels = [run.er_end for run in arm.each if run.opened and run.er_end is not None]
    # Of a single run there is nothing to say of others.
    er_opened = given_open(levels) if len(arm.each) > 1 else next(iter(levels), None)
    return Pooled(
        **_evaluated(arm),
        opened=sum(answers),
        judged=len(answers),
        opens=rounded(share_of(answers)),
        er_opened=rounded(er_opened),
    )


def _evaluated(arm: Arm) -> dict[str, Any]:
    """The fields of `Evaluated`."""
    failed, evaluated = arm.failed
    return {
        **_measured(arm, ""),
        "cut_end": rounded(arm.end("cut")),
        "well_formed_end": rounded(arm.end(f"parts.{WELL_FORMED}")),
        "itp_change": rounded(arm.end("change.itp")),
        "failed": failed,
        "evaluated": evaluated,
        "steps": arm.steps[-1] if arm.steps else None,
        "eval_every": arm.steps[1] - arm.steps[0] if len(arm.steps) > 1 else None,
        "paper": Measured(**_measured(arm, "paper.")),
    }


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


def _curve(rows: Mapping[int, Mapping[str, Any]], name: str) -> Curve:
    return [(step, value) for step, row in rows.items() if (value := _pick(row, name)) is not None]


def _pick(row: Mapping[str, Any], name: str) -> Interval | None:
    value: Any = row
    for key in name.split("."):
        value = value.get(key) if value is not None else None
    return None if value is None else interval(value)
