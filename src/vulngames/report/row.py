"""One cell of a study as the page reads it, and how cells are found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vulngames.arm import Arm, ends
from vulngames.measure import Interval, interval
from vulngames.report import number
from vulngames.runs import Run
from vulngames.summary import labels


@dataclass(frozen=True)
class Numbers:
    """What was measured, as `arm.ends` has it."""

    held: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """A label, an onset, or whatever else is held."""
        return self.held[name]

    def value(self, name: str) -> Interval | None:
        """`er_end` and its like; older files hold no `cut_end`."""
        held = self.held.get(name)
        return None if held is None else interval(held)

    @property
    def has_cut(self) -> bool:
        """Whether the share of cut replies is on file."""
        return self.value("cut_end") is not None

    @property
    def failed(self) -> str:
        """The share of evaluated samples that could not be scored, in words; older files do not hold it."""
        return number.share(self.held.get("failed"), self.held.get("evaluated"))


@dataclass(frozen=True)
class Seed(Numbers):
    """One run of a cell: its seed, and its directory."""

    name: str
    path: Path


@dataclass(frozen=True)
class Row(Numbers):
    """One cell of a study: its labels, and what was measured; paths in it are relative to `home`."""

    home: Path

    @property
    def labels(self) -> dict[str, Any]:
        """What sets it apart from the study's other cells."""
        return labels(self.held)

    @cached_property
    def seeds(self) -> list[Seed]:
        """Each of its runs by itself, in order."""
        paths = [self.home / path for path in self.held["runs"]]
        # They belong together one by one; a summary may hold none of them.
        found = enumerate(zip(paths, self.held["each"], strict=False))
        return [Seed(each, _seed(path, place), path) for place, (path, each) in found]

    @cached_property
    def arm(self) -> Arm:
        """Its runs, for curves."""
        return Arm(self.held["game"], "", tuple((self.home / path).resolve() for path in self.held["runs"]))


def row_of(arm: Arm) -> Row:
    """An arm as the row that a summary would hold of it; its paths as they are."""
    each = [ends(alone) for alone in arm.alone]
    labels = {"game": arm.game, "arm": arm.name, "seeds": len(arm.used)}
    return Row({**labels, **ends(arm), "runs": list(arm.paths), "each": each}, Path())


def _seed(path: Path, place: int) -> str:
    """The seed of a run; its place among its cell's runs, if it is not there to ask."""
    return str(Run(path).about["config"].get("seed", place) if (path / "run.json").is_file() else place)


def labels_of(rows: Iterable[Row]) -> list[str]:
    """The columns that name rows."""
    return list(dict.fromkeys(name for row in rows for name in row.labels))


def short(game: str) -> str:
    """A game's name without its version."""
    return game.removesuffix("-v1")


def games_of(rows: Iterable[Row]) -> list[str]:
    """The games that rows are measured in, in order."""
    return list(dict.fromkeys(row["game"] for row in rows))


def pick(rows: Sequence[Row], **labels: Any) -> Row | None:
    """The first row with these labels, if there is one."""
    return next((row for row in rows if all(row.held.get(key) == value for key, value in labels.items())), None)


def end(row: Row | None, name: str = "er_end") -> Interval | None:
    """A measure of a row that may not be there."""
    return None if row is None else row.value(name)
