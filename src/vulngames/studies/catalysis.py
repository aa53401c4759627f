"""Does a first learned exploit open a second one earlier, or wider?

Cells: every ordered pair of games, the second trained flawed from a policy that learned the first. Controls: the second
from a policy trained on the first one's patched twin; the second from the fresh policy; and the second alone for as
many steps as both trainings took together. An answer: the steps to domination, and ER at the end, of the second after
the first against each.
"""

from __future__ import annotations

import math

from vulngames.measure import plain
from vulngames.studies.cell import Cell
from vulngames.studies.emergence import ARMS, trained
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.study import Program
from vulngames.train.config import TrainConfig, resolve

SHARE, FULL_SHARE = 0.6, 1.2
"""Steps of a second training, as a share of those of a first one in the same game, at small and at full scale."""
LOOKS = 8
"""Evaluations along a second training."""


def catalysis(plan: Plan, store: Store) -> Program:
    """Train every game from the fresh policy, and after every other game."""
    twins = {(game, arm): trained(plan, store, game, arm) for game in plan.games for arm in ARMS}
    yield [job for jobs in twins.values() for job in jobs]
    cells = {
        ("none", "fresh", game): second(plan, store, game, [plan.policy] * len(plan.seed_range)) for game in plan.games
    }
    totals = {}
    for game in plan.games:
        for (first, arm), jobs in twins.items():
            if first != game:
                cells[first, arm, game] = second(plan, store, game, [job.policy for job in jobs], f"{first}-{arm}")
                totals[first, game] = jobs[0].config.steps + second_steps(plan, game)
    if len(plan.games) > 1:
        for game in plan.games:
            most = max(steps for (_, then), steps in totals.items() if then == game)
            cells["none", "fresh, equal steps", game] = alone(plan, store, game, most)
    yield [job for jobs in cells.values() for job in jobs]
    rows = {key: Cell({"first": key[0], "arm": key[1], "game": key[2]}, jobs) for key, jobs in cells.items()}
    equal = {
        (first, game): rows["none", "fresh, equal steps", game].arm.at("er", steps)
        for (first, game), steps in totals.items()
    }
    found = [
        {"first": first, "game": game, "steps": totals[first, game], "er": None if er is None else plain(er)}
        for (first, game), er in equal.items()
    ]
    return list(rows.values()), {"equal_steps": found}


def second_steps(plan: Plan, game: str) -> int:
    """Steps of a second training in a game, in whole fives, so that those of both together are evaluated in `alone`."""
    first = resolve(TrainConfig, game=game, policy=plan.policy, steps=plan.steps).steps
    return 5 * math.ceil(first * (FULL_SHARE if plan.full else SHARE) / 5)


def looks(steps: int) -> int:
    """Steps between evaluations of a second training of so many."""
    return math.ceil(steps / LOOKS)


def second(plan: Plan, store: Store, game: str, policies: list[str], after: str = "fresh") -> list[Job]:
    """A game's flawed arm trained from each of `policies`, one a seed, evaluated closely on half the tasks."""
    tasks = resolve(TrainConfig, game=game, policy=plan.policy).eval_tasks // 2
    steps = second_steps(plan, game)
    jobs = []
    for seed, policy in zip(plan.seed_range, policies, strict=True):
        config = resolve(
            TrainConfig, game=game, policy=policy, steps=steps, eval_every=looks(steps), eval_tasks=tasks, seed=seed
        )
        jobs.append(store.job(f"{game}-after-{after}-{seed}", config))
    return jobs


def alone(plan: Plan, store: Store, game: str, steps: int) -> list[Job]:
    """The game's flawed arm from the fresh policy for many steps."""
    return [
        store.job(f"{game}-long-{seed}", resolve(TrainConfig, game=game, policy=plan.policy, steps=steps, seed=seed))
        for seed in plan.seed_range
    ]
