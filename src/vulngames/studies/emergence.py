"""Is the exploit learned under the flaw, and not under its patch?

Arms: every game, flawed and patched, with the same seeds: same tasks, same audit coins, same held-out tasks.
Control: the patched twin. An answer: at the end, the two arms' intervals of ER do not overlap.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vulngames import games
from vulngames.errors import UserError
from vulngames.measure import Interval, across_seeds, domination, interval, onset
from vulngames.runs import Run, write_json
from vulngames.studies.arms import train_all
from vulngames.studies.plan import Plan
from vulngames.train.config import TrainConfig, settle

ARMS = {"flawed": False, "patched": True}


def emergence(plan: Plan, out: Path) -> dict[str, Any]:
    """Train both arms of every game and write `out/summary.json`, which is also returned.

    Raises:
        UserError: an unknown game or policy, or `out` holds other runs.
    """
    if plan.seeds < 1 or plan.workers < 1:
        raise UserError(f"seeds = {plan.seeds}, workers = {plan.workers}; valid: 1 or more of each")
    began = time.monotonic()
    paths = {
        (games.make(game).id, arm, seed): out / "runs" / f"{games.make(game).id}-{arm}-{seed}"
        for game in plan.games
        for arm in ARMS
        for seed in range(plan.seeds)
    }
    configs = {
        path: settle(TrainConfig(game, ARMS[arm], plan.policy, plan.steps, seed))
        for (game, arm, seed), path in paths.items()
    }
    runs = {key: Run(path) for key, path in paths.items()}
    earlier = _wall(out) if all(run.finished for run in runs.values()) else None
    train_all(configs, plan.workers)
    # A call that only finds finished runs says nothing of how long they took.
    wall = time.monotonic() - began if earlier is None else earlier
    summary = {**summarise(plan, out, runs), "wall_s": round(wall, 1)}
    write_json(out / "summary.json", summary)
    return summary


def summarise(plan: Plan, out: Path, runs: dict[tuple[str, str, int], Run]) -> dict[str, Any]:
    """One row an arm, with 95 % intervals that account for seeds and for sampling."""
    arms = {key[:2]: [run for other, run in runs.items() if other[:2] == key[:2]] for key in runs}
    rows = [_row(game, arm, group, out) for (game, arm), group in arms.items()]
    return {
        "study": "emergence",
        "policy": plan.policy,
        "seeds": plan.seeds,
        "rows": rows,
        "command": shlex.join(["vulngames", *sys.argv[1:]]),
        "plan": asdict(plan),
    }


def _row(game: str, arm: str, runs: Sequence[Run], out: Path) -> dict[str, Any]:
    metrics = [run.metrics() for run in runs]
    gap = games.GAMES[game].measured.gap
    ends = {"start": [rows[0] for rows in metrics], "end": [rows[-1] for rows in metrics]}
    curve = pooled_er(metrics, gap)
    return {
        "game": game,
        "arm": arm,
        "seeds": len(runs),
        **{f"{name}_{end}": plain(pool(rows, name, gap)) for name in ("itp", "er") for end, rows in ends.items()},
        "onset_step": onset(curve),
        "domination_step": domination(curve),
        "paper": {
            f"{name}_{end}": plain(pool([row["paper"] for row in rows], name, gap))
            for name in ("itp", "er")
            for end, rows in ends.items()
        },
        "runs": [str(run.path.relative_to(out)) for run in runs],
    }


def pool(rows: Sequence[dict[str, Any]], name: str, gap: bool) -> Interval | None:
    """One measure over seeds at one step; seeds at which it could not be measured are left out."""
    bounds = (-1.0, 1.0) if gap and name == "er" else (0.0, 1.0)
    return across_seeds([interval(row[name]) for row in rows if row[name] is not None], bounds)


def pooled_er(metrics: Sequence[Sequence[dict[str, Any]]], gap: bool) -> list[tuple[int, Interval]]:
    """ER over seeds at every step that all of them evaluated and where it could be measured."""
    steps = zip(*metrics, strict=True)
    curve = [(rows[0]["step"], pool(rows, "er", gap)) for rows in steps]
    return [(step, er) for step, er in curve if er is not None]


def plain(value: Interval | None) -> dict[str, float] | None:
    """An interval as a row of summary.json holds it."""
    return None if value is None else {k: round(v, 4) for k, v in asdict(value).items()}


def _wall(out: Path) -> float | None:
    path = out / "summary.json"
    return float(json.loads(path.read_text())["wall_s"]) if path.exists() else None
