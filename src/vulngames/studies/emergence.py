"""Is the exploit learned under the flaw, and not under its patch?

Arms: every game, flawed and patched, with the same seeds: same tasks, same audit coins, same held-out tasks.
Control: the patched twin. An answer: at the end, the two arms' intervals of ER do not overlap.
"""

from __future__ import annotations

from vulngames.studies.cell import Cell
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.study import Program
from vulngames.train.config import TrainConfig, resolve

ARMS = {"flawed": False, "patched": True}


def emergence(plan: Plan, store: Store) -> Program:
    """Train both arms of every game."""
    twins = {(game, arm): trained(plan, store, game, arm) for game in plan.games for arm in ARMS}
    yield [job for jobs in twins.values() for job in jobs]
    return [Cell({"game": game, "arm": arm}, jobs) for (game, arm), jobs in twins.items()], {}


def trained(plan: Plan, store: Store, game: str, arm: str, policy: str | None = None) -> list[Job]:
    """The plan's policy (or another) trained in one arm of a game, once a seed: what every other study starts from."""
    configs = [
        resolve(TrainConfig, game=game, patched=ARMS[arm], policy=policy or plan.policy, steps=plan.steps, seed=seed)
        for seed in plan.seed_range
    ]
    size = "" if policy in (None, plan.policy) else f"-{policy.rpartition(':')[2]}"
    return [store.job(f"{game}-{arm}{size}-{config.seed}", config) for config in configs]
