"""Does an exploit learned in one game show in the others, without any training there?

Cells: every game trained in, flawed and patched, evaluated in every game. Controls: the untrained policy, and the same
policy trained on the patched game, so that what training did can be told from what the exploit did. An answer: off the
diagonal, ER after the flawed game lies above (or below) both controls.
"""

from __future__ import annotations

from collections.abc import Sequence

from vulngames.studies import stages
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.program import Program, Result, all_jobs
from vulngames.studies.transfer.key import Findings, Key


def run(plan: Plan, store: Store) -> Program:
    """Evaluate every trained policy in every game."""
    twins = stages.twins(plan, store)
    yield all_jobs(twins)
    conditions: dict[Key, Sequence[Job]] = {}
    for game in plan.games:
        conditions[Key(game, None, None)] = stages.untrained(plan, store, game, plan.policy)
    for (first, arm), jobs in twins.items():
        for game in plan.games:
            conditions[Key(game, first, arm)] = [
                stages.evaluated(store, game, job.policy, job.config.seed, f"{first}-{arm}") for job in jobs
            ]
    yield all_jobs(conditions)
    return Result(conditions, Findings())
