"""Does a first learned exploit open a second one earlier, or wider?

Cells: every ordered pair of games, the second trained flawed from a policy that learned the first. Controls: the second
from a policy trained on the first one's patched twin; the second from the fresh policy; and the second alone for as
many steps as both trainings took together. An answer: the steps to domination, and ER at the end, of the second after
the first against each.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

from vulngames.arm import ARMS, rounded
from vulngames.studies import stages
from vulngames.studies.catalysis.key import EqualSteps, Findings, Key
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.program import Program, Result, all_jobs, arm_of

Totals = dict[tuple[str, str], int]
"""Steps of both trainings together, by first and second game."""


def run(plan: Plan, store: Store) -> Program:
    """Train every game from the fresh policy, and after every other game."""
    twins = stages.twins(plan, store)
    yield all_jobs(twins)
    totals: Totals = {}
    conditions: dict[Key, Sequence[Job]] = {}
    for game in plan.games:
        conditions[Key(game, None, "fresh")] = stages.fresh(plan, store, game)
    for (game, first), arm in product(permutations(plan.games, 2), ARMS):
        jobs = twins[first, arm]
        policies = [job.policy for job in jobs]
        conditions[Key(game, first, arm)] = stages.second(plan, store, game, policies, f"{first}-{arm}")
        totals[first, game] = jobs[0].config.steps + stages.second_steps(plan, game)
    for game in plan.games if len(plan.games) > 1 else ():
        steps = [steps for (_, second), steps in totals.items() if second == game]
        conditions[Key(game, None, "equal steps")] = stages.alone(plan, store, game, steps)
    yield all_jobs(conditions)
    return Result(conditions, Findings(tuple(_equal_steps(conditions, totals))))


def _equal_steps(conditions: dict[Key, Sequence[Job]], totals: Totals) -> list[EqualSteps]:
    equal = []
    for (first, game), steps in totals.items():
        er = arm_of(game, conditions[Key(game, None, "equal steps")]).at("er", steps)
        equal.append(EqualSteps(first, game, steps, rounded(er)))
    return equal
