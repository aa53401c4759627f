"""Where a chapter's numbers come from: commands, configs, machines and files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vulngames.arm import Arm
from vulngames.runs import Run

FILES = ("run.json", "metrics.jsonl", "samples.jsonl.gz")


@dataclass(frozen=True)
class RunFiles:
    """One run: where it lies, its state in a word, and the links to its files by their names."""

    name: str
    folder: str
    state: str
    links: Mapping[str, str]


@dataclass(frozen=True)
class Sources:
    """facts: (what, value) pairs; games, config: a table with a column per game; runs: every run with its files."""

    facts: list[tuple[str, str]]
    games: list[str]
    config: list[tuple[str, list[str]]]
    runs: list[RunFiles]


def sources(games: Sequence[tuple[str, Sequence[Arm]]], given: Sequence[tuple[str, str]], home: Path) -> Sources:
    """Collect them from every run's run.json; links are relative to `home`, where the page lies.

    Args:
        games: the arms of every game, under the name the page calls it.
        given: facts that the study itself recorded; they come first.
    """
    abouts: list[dict[str, Any]] = []
    files: list[RunFiles] = []
    configs: dict[str, list[dict[str, Any]]] = {}
    for label, arms in games:
        configs[label] = []
        for arm in arms:
            files += [run_files(path, home) for path in arm.paths]
            abouts += [run.about for run in arm.found]
            configs[label] += [run.about["config"] for run in arm.found]
    return Sources(_facts(abouts, given), list(configs), _table(list(configs.values())), files)


def _table(columns: Sequence[Sequence[Mapping[str, Any]]]) -> list[tuple[str, list[str]]]:
    """Every key of the configs, with the values that those of each column have."""
    keys: dict[str, None] = {}
    for configs in columns:
        for config in configs:
            keys |= dict.fromkeys(config)
    table = []
    for key in keys:
        values = []
        for configs in columns:
            values.append(_all(config.get(key) for config in configs))
        table.append((key, values))
    return table


def _facts(abouts: Sequence[dict[str, Any]], given: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    sandboxes = [about["sandbox"] for about in abouts if about.get("sandbox")]
    started = sorted(about["started"] for about in abouts if about.get("started"))
    facts = {
        # A study's runs hold the command of the study.
        "command": "" if any(name == "command" for name, _ in given) else _all(map(command, abouts)),
        "started": " to ".join(dict.fromkeys((started[0], started[-1]))) if started else "",
        "commit": _all(about.get("commit") for about in abouts),
        "versions": _all(map(_versions, _machines(abouts))),
        "device": _all(about.get("device") for about in abouts),
        "numerics": _all(part["numerics"] for part in _machines(abouts) if part.get("numerics")),
        "platform": _all(about.get("platform") for about in abouts),
        "sandbox": _all(f"tier {sandbox['tier']}: {_words(sandbox['layers'])}" for sandbox in sandboxes),
        "not held by the sandbox": _all(_words(sandbox["missing"]) for sandbox in sandboxes),
    }
    return [*given, *((name, value) for name, value in facts.items() if value)]


def _machines(abouts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where the runs were begun, and where they went on."""
    machines = list(abouts)
    for about in abouts:
        machines += about.get("continued", [])
    return machines


def _all(values: Iterable[Any]) -> str:
    """Every distinct value, in order; runs that agree have one."""
    return "; ".join(dict.fromkeys(_shown(value) for value in values))


def _shown(value: Any) -> str:
    if value is None or value == {}:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_shown(inner)}" for key, inner in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _words(names: Sequence[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


def command(about: Mapping[str, Any]) -> str:
    """The command that began a run; empty if it does not say."""
    # Where the program lies on someone's machine is nobody's business.
    argv = about.get("argv") or [""]
    return shlex.join([Path(argv[0]).name, *argv[1:]]) if argv[0] else ""


def _versions(about: dict[str, Any]) -> str:
    versions = {"python": about.get("python"), **about.get("versions", {})}
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)


def run_files(path: Path, home: Path) -> RunFiles:
    """A run's files, for a page that lies in `home`."""
    state = "missing"
    if (path / "run.json").is_file():
        state = "finished" if Run(path).finished else "not finished"
    folder = Path(os.path.relpath(path, home))
    links = {name: quote((folder / name).as_posix()) for name in FILES if (path / name).is_file()}
    return RunFiles(path.name, folder.as_posix(), state, links)
