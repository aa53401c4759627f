"""Is the exploit learned under the flaw, and not under its patch?

Arms: every game, flawed and patched, with the same seeds: same tasks, same audit coins, same held-out tasks.
Control: the patched twin. An answer: at the end, the two arms' intervals of ER do not overlap.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vulngames import games
from vulngames.arm import Arm, ArmName
from vulngames.errors import UserError, need
from vulngames.measure import plain
from vulngames.runs import Run, write_json
from vulngames.studies.plan import Plan
from vulngames.studies.workers import train_all
from vulngames.train.config import TrainConfig, settle

ARMS: dict[ArmName, bool] = {"flawed": False, "patched": True}


def emergence(plan: Plan, out: Path) -> dict[str, Any]:
    """Train both arms of every game and write `out/summary.json`, which is also returned.

    Raises:
        UserError: an unknown game or policy, or `out` holds other runs.
    """
    if plan.seeds < 1 or plan.workers < 1:
        raise UserError(f"seeds = {plan.seeds}, workers = {plan.workers}; valid: 1 or more of each")
    need("trl", "train")
    began = time.monotonic()
    runs = {
        (game, arm, seed): out / "runs" / f"{game}-{arm}-{seed}"
        for game in (games.make(name).id for name in plan.games)
        for arm in ARMS
        for seed in range(plan.seeds)
    }
    configs = {
        path: settle(TrainConfig(game, ARMS[arm], plan.policy, plan.steps, seed))
        for (game, arm, seed), path in runs.items()
    }
    earlier = _wall(out) if all(Run(path).finished for path in runs.values()) else None
    train_all(configs, plan.workers)
    # A call that only finds finished runs says nothing of how long they took.
    wall = time.monotonic() - began if earlier is None else earlier
    summary = {**summarise(plan, out, runs), "wall_s": round(wall, 1)}
    write_json(out / "summary.json", summary)
    return summary


def summarise(plan: Plan, out: Path, runs: Mapping[tuple[str, ArmName, int], Path]) -> dict[str, Any]:
    """One row an arm, with 95 % intervals that account for seeds and for sampling."""
    keys = dict.fromkeys((game, arm) for game, arm, _ in runs)
    arms = [Arm(*key, tuple(path for (game, arm, _), path in runs.items() if (game, arm) == key)) for key in keys]
    return {
        "study": "emergence",
        "policy": plan.policy,
        "seeds": plan.seeds,
        "rows": [_row(arm, out) for arm in arms],
        "command": shlex.join(["vulngames", *sys.argv[1:]]),
        "plan": asdict(plan),
    }


def _row(arm: Arm, out: Path) -> dict[str, Any]:
    def ends(prefix: str = "") -> dict[str, dict[str, float] | None]:
        return {
            f"{name}_{end}": plain(at(prefix + name))
            for name in ("itp", "er")
            for end, at in (("start", arm.start), ("end", arm.end))
        }

    return {
        "game": arm.game,
        "arm": arm.name,
        "seeds": len(arm.used),
        **ends(),
        "onset_step": arm.onset,
        "domination_step": arm.domination,
        "paper": ends("paper."),
        "runs": [str(path.relative_to(out)) for path in arm.paths],
    }


def _wall(out: Path) -> float | None:
    path = out / "summary.json"
    return float(json.loads(path.read_text())["wall_s"]) if path.exists() else None
