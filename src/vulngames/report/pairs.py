"""Runs given by themselves: pooled where they differ in seed alone, and twins where they differ in the rule alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vulngames.arm import Arm
from vulngames.digests import differing
from vulngames.errors import UserError
from vulngames.report.twins import Twins
from vulngames.runs import Run


def pair(paths: Sequence[Path]) -> tuple[list[Twins], list[str]]:
    """Twins of all runs that were trained by a reward; and a note on each run that is left out: one of another kind, or
    one whose config another has, seed and all: twice the same is not two seeds.

    Raises:
        UserError: a run names no game.
    """
    groups: dict[str, dict[bool, list[Path]]] = {}
    taken: dict[str, Path] = {}
    notes = []
    # Of two runs with one config the finished one is taken.
    for path in sorted(paths, key=lambda path: not Run(path).finished):
        about = Run(path).about
        config = about["config"]
        if about.get("verb", "rl") != "rl":
            notes.append(f"{path.name} is left out: it is no training by reward.")
            continue
        other = taken.setdefault(json.dumps(config, sort_keys=True), path)
        if other != path:
            notes.append(_left_out(path, other))
            continue
        if not isinstance(config.get("game"), str):
            raise UserError(f"{path} was trained in game {config.get('game')!r}; valid: a run of `train`")
        arms = groups.setdefault(_condition(config), {False: [], True: []})
        arms[bool(config.get("patched"))].append(path)
    games = [json.loads(condition)["game"] for condition in groups]
    twins = []
    for game, arms in zip(games, groups.values(), strict=True):
        first = (arms[False] + arms[True])[0]
        label = game if games.count(game) == 1 else f"{game}, {first.name}"
        twins.append(Twins(label, Arm(game, "flawed", tuple(arms[False])), Arm(game, "patched", tuple(arms[True]))))
    return twins, notes


def _condition(config: Mapping[str, Any]) -> str:
    """A config but for the seed and the rule."""
    kept = {name: value for name, value in config.items() if name not in ("seed", "patched")}
    return json.dumps(kept, sort_keys=True)


def _left_out(path: Path, other: Path) -> str:
    # Where the directories lie on someone's machine is nobody's business.
    left, kept = "/".join(path.parts[-2:]), "/".join(other.parts[-2:])
    parts = [f"{part} of {name}" for name, part in differing(Run(other).inputs, Run(path).inputs)]
    but = f", but was made with other {', '.join(parts)}" if parts else ""
    return f"{left} is left out: it has the same config and seed as {kept}{but}."
