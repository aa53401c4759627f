"""A finished study's summary.json, written and read: the one place that knows its form."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Generic

from typing_extensions import TypeVar

from vulngames import formats
from vulngames.arm import Arm, Ends, Pooled, ends, pooled
from vulngames.digests import Inputs
from vulngames.errors import UserError
from vulngames.files import write_json
from vulngames.measures import Interval
from vulngames.runs import Run, read_json
from vulngames.studies.catalogue import CATALOGUE, Entry
from vulngames.studies.plan import Plan

K = TypeVar("K", default=Any)
F = TypeVar("F", default=Any)
_AGAIN = "run the study again"
_SINCE = 2
"""The format from which on a file says of an arm which of its seeds open, rather than when their mean does."""


@dataclass(frozen=True)
class Cell(Generic[K]):
    """One condition of a study: runs that differ in their seed alone, and what they measured.

    Attributes:
        key: what sets it apart from the study's other cells; `key.game` is what it is measured in.
        seeds: how many runs its numbers are made of.
        ends: over all runs.
        runs: their directories, relative to the study's.
        each: every run by itself, in the same order.
        gap: whether its ER is a difference, which may lie below 0.
    """

    key: K
    seeds: int
    ends: Pooled
    runs: tuple[str, ...]
    each: tuple[Ends, ...]
    gap: bool

    @property
    def game(self) -> str:
        """What it is measured in."""
        return str(self.key.game)  # type: ignore[attr-defined]

    @property
    def labels(self) -> dict[str, Any]:
        """The fields of its key by name, in their order."""
        return labels(self.key)

    def of_seeds(self, name: str) -> list[Interval | None]:
        """A measure (`er_end` and its like) in each seed, in their order."""
        return [getattr(each, name) for each in self.each]

    def by_paper(self) -> Cell[K]:
        """The same cell, with every run's ITP and ER by the paper's definitions."""
        each = []
        for run in self.each:
            measured = {field.name: getattr(run.paper, field.name) for field in dataclasses.fields(run.paper)}
            each.append(dataclasses.replace(run, **measured, itp_change=None))
        return dataclasses.replace(self, each=tuple(each))


@dataclass(frozen=True)
class Summary(Generic[K, F]):
    """A finished study: its cells by their keys, and what it found beyond them.

    Attributes:
        home: its directory.
        wall_s: seconds spent in its store by all calls together.
        inputs: what the plan's policies were by their contents.
    """

    home: Path
    study: str
    policy: str
    seeds: int
    scale: str
    command: str
    wall_s: float
    plan: Plan
    inputs: Inputs
    cells: Mapping[K, Cell[K]]
    findings: F

    @property
    def entry(self) -> Entry:
        """What it asks."""
        return CATALOGUE[self.study]

    @property
    def games(self) -> list[str]:
        """The games that its cells are measured in, in order."""
        return list(dict.fromkeys(cell.game for cell in self.cells.values()))

    def __getitem__(self, key: K) -> Cell[K]:
        """The cell with this key, which the study's plan promised.

        Raises:
            KeyError: it did not.
        """
        return self.cells[key]

    def get(self, key: K) -> Cell[K] | None:
        """The cell with this key; None if the study's plan has none."""
        return self.cells.get(key)

    def arm(self, cell: Cell[K]) -> Arm:
        """A cell's runs, for curves."""
        name = str(cell.labels.get("arm") or "")
        return Arm(cell.game, name, tuple((self.home / run).resolve() for run in cell.runs))

    def by_paper(self) -> Summary[K, F]:
        """The same study, measured by the paper's definitions of ITP and ER."""
        return dataclasses.replace(self, cells={key: cell.by_paper() for key, cell in self.cells.items()})

    @cached_property
    def parameters(self) -> list[int]:
        """The sizes of the policies trained, smallest first, by the runs' own files; empty if these are not there."""
        paths = {self.home / run for cell in self.cells.values() for run in cell.runs}
        abouts = [Run(path).about for path in paths if (path / "run.json").is_file()]
        return sorted({about["parameters_of_policy"] for about in abouts if about.get("parameters_of_policy")})


def cell_of(key: K, arm: Arm, home: Path) -> Cell[K]:
    """What an arm's runs measured, as a cell of a study that lies in `home`."""
    paths = tuple(os.path.relpath(path, home) for path in arm.paths)
    return Cell(key, len(arm.used), pooled(arm), paths, tuple(ends(alone) for alone in arm.alone), arm.gap)


def write_summary(summary: Summary) -> None:
    """Write a study's summary.json."""
    head = {name: getattr(summary, name) for name in _PLAIN}
    cells = [dataclasses.asdict(cell) for cell in summary.cells.values()]
    parts = {"plan": dataclasses.asdict(summary.plan), "findings": dataclasses.asdict(summary.findings)}
    write_json(summary.home / "summary.json", {"format": formats.FORMAT, **head, **parts, "cells": cells})


_PLAIN = ("study", "policy", "seeds", "scale", "command", "wall_s", "inputs")


@dataclass(frozen=True)
class Identity:
    """What a study's later calls have to ask for again."""

    study: str
    seeds: int
    plan: Plan
    inputs: Inputs


@dataclass(frozen=True)
class _Head(Identity):
    """What every study's file holds alike."""

    policy: str
    scale: str
    command: str
    wall_s: float


@dataclass(frozen=True)
class _Body(Generic[K, F]):
    cells: tuple[Cell[K], ...]
    findings: F


def identify(home: Path) -> Identity | None:
    """Which study `home` holds, whole or not; None if there is none, or none can be told from its file.

    Raises:
        UserError: it has the format of another version of vulngames.
    """
    path = home / "summary.json"
    if not path.is_file():
        return None
    try:
        content = read_json(path)
    except UserError:
        return None
    formats.check(content, path)
    try:
        return formats.read_as(Identity, content, path, _AGAIN)
    except UserError:
        return None


def read_summary(home: Path) -> Summary:
    """The summary of the study that `home` holds.

    Raises:
        UserError: there is none, it is damaged, or it lacks a cell that its plan promised.
    """
    path = home / "summary.json"
    if not path.is_file():
        raise UserError(f"{home} holds no summary.json; valid: the directory of a finished study")
    content = read_json(path)
    formats.check(content, path)
    if "format" not in content:
        raise UserError(f"{path} has no format: it is from before there were any, or damaged; {_AGAIN}")
    if content["format"] < _SINCE:
        raise UserError(f"{path} has format {content['format']}, of an older vulngames; {_AGAIN}")
    head = formats.read_as(_Head, content, path, _AGAIN)
    if head.study not in CATALOGUE:
        raise UserError(f"{path} holds an unknown study {head.study!r}; valid: {', '.join(CATALOGUE)}")
    key = CATALOGUE[head.study].part("key")
    body = formats.read_as(_Body[key.Key, key.Findings], content, path, _AGAIN)  # type: ignore[name-defined]
    problem = (
        _unsaid(content, body.cells)
        or _head_problem(head)
        or _findings_problem(key, head.plan, body.findings)
        or _cells_problem(body.cells, key.promised(head.plan, body.findings), head.seeds)
    )
    if problem:
        raise UserError(f"{path} is damaged: {problem}; {_AGAIN}")
    return Summary(home=home, **vars(head), cells={cell.key: cell for cell in body.cells}, findings=body.findings)


def _unsaid(content: Mapping[str, Any], cells: Sequence[Cell]) -> str:
    """A field that the file leaves to its default."""
    for name in (field.name for field in dataclasses.fields(Plan)):
        if name not in content["plan"]:
            return f"its plan holds no {name}"
    for place, cell in enumerate(cells):
        for name in cell.labels:
            if name not in content["cells"][place]["key"]:
                return f"cell {place + 1} holds no {name}"
    return ""


def _head_problem(head: _Head) -> str:
    """What the file says in two places and not alike."""
    planned = {"policy": head.plan.policy, "scale": head.plan.scale, "seeds": len(head.plan.seed_range)}
    for name, value in planned.items():
        if getattr(head, name) != value:
            return f"its {name} is {getattr(head, name)}, and by its plan {value}"
    return ""


def _findings_problem(key: ModuleType, plan: Plan, findings: Any) -> str:
    lacking = key.lacking(plan, findings) if hasattr(key, "lacking") else ""
    return lacking and f"it holds no {lacking}"


def _cells_problem(cells: Sequence[Cell], promised: Sequence[Any], seeds: int) -> str:
    keys = [cell.key for cell in cells]
    for key in promised:
        if key not in keys:
            return f"it holds no cell of {words(key)}"
    for key in keys:
        if key not in promised:
            return f"its plan has no cell of {words(key)}"
        if keys.count(key) > 1:
            return f"it holds the cell of {words(key)} twice"
    for cell in cells:
        if not len(cell.each) == len(cell.runs) == seeds >= cell.seeds:
            return f"the cell of {words(cell.key)} holds other numbers of seeds than the study's {seeds}"
    return ""


def labels(key: Any) -> dict[str, Any]:
    """The fields of a key by name, in their order."""
    # Of one that was read from a file `vars` has the file's order, and no defaults.
    return {field.name: getattr(key, field.name) for field in dataclasses.fields(key)}


def words(key: Any) -> str:
    """A key in words: its fields with their values."""
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in labels(key).items())


def finished(path: Path) -> list[Path]:
    """The finished studies in a directory: itself, or several as `study all` lays them; none if there is none."""
    if (path / "summary.json").is_file():
        return [path]
    return [file.parent for file in sorted(path.glob("*/summary.json"))]


def read_summaries(dirs: Sequence[Path]) -> dict[str, Summary]:
    """The studies in directories, by name: of each directory its own summary.json, or those of its folders.

    Raises:
        UserError: a directory without one, a damaged or foreign one, or one study twice.
    """
    summaries: dict[str, Summary] = {}
    for path in dict.fromkeys(path.resolve() for path in dirs):
        homes = finished(path)
        if not homes:
            raise UserError(f"{path} holds no finished study; valid: the directory of one, or of `study all`")
        for home in homes:
            summary = read_summary(home)
            if summary.study in summaries:
                other = summaries[summary.study].home
                raise UserError(f"{home} and {other} hold the same study, {summary.study}; valid: one of each")
            summaries[summary.study] = summary
    return summaries
