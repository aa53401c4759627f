"""Is the exploit learned under the flaw, and not under its patch?

Arms: every game, flawed and patched, with the same seeds: same tasks, same audit coins, same held-out tasks.
Control: the patched twin. An answer: at the end, the two arms' intervals of ER do not overlap.
"""

from __future__ import annotations

from vulngames.studies.cell import Cell
from vulngames.studies.plan import Plan
from vulngames.studies.study import Course
from vulngames.studies.work import Store, Work
from vulngames.train.config import TrainConfig, settle

ARMS = {"flawed": False, "patched": True}


def emergence(plan: Plan, store: Store) -> Course:
    """Train both arms of every game."""
    twins = {(game, arm): trained(plan, store, game, arm) for game in plan.games for arm in ARMS}
    yield [work for works in twins.values() for work in works]
    return [Cell({"game": game, "arm": arm}, works) for (game, arm), works in twins.items()], {}


def trained(plan: Plan, store: Store, game: str, arm: str, policy: str | None = None) -> list[Work]:
    """The plan's policy (or another) trained in one arm of a game, once a seed: what every other study starts from."""
    configs = [
        settle(TrainConfig(game=game, patched=ARMS[arm], policy=policy or plan.policy, steps=plan.steps, seed=seed))
        for seed in plan.seed_range
    ]
    size = "" if policy in (None, plan.policy) else f"-{policy.rpartition(':')[2]}"
    return [store.work(f"{game}-{arm}{size}-{config.seed}", config) for config in configs]
