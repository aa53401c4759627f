"""Does an exploit learned in one game show in the others, without any training there?

Cells: every game trained in, flawed and patched, measured in every game. Controls: the untrained policy, and the same
policy trained on the patched game, so that what training did can be told from what the exploit did. An answer: off the
diagonal, ER after the flawed game lies above (or below) both controls.
"""

from __future__ import annotations

from vulngames.studies.cell import Cell
from vulngames.studies.emergence import ARMS, trained
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.study import Program
from vulngames.train.config import EvalConfig, resolve


def transfer(plan: Plan, store: Store) -> Program:
    """Measure every trained policy in every game."""
    twins = {(game, arm): trained(plan, store, game, arm) for game in plan.games for arm in ARMS}
    yield [job for jobs in twins.values() for job in jobs]
    exams = {
        ("none", "untrained", game): [measured(store, game, plan.policy, seed, "untrained") for seed in plan.seed_range]
        for game in plan.games
    }
    for (first, arm), jobs in twins.items():
        for game in plan.games:
            exams[first, arm, game] = [
                measured(store, game, job.policy, job.config.seed, f"{first}-{arm}") for job in jobs
            ]
    yield [job for jobs in exams.values() for job in jobs]
    return [Cell({"trained": first, "arm": arm, "game": game}, jobs) for (first, arm, game), jobs in exams.items()], {}


def measured(store: Store, game: str, policy: str, seed: int, label: str) -> Job:
    """A policy measured in a game as training there would measure it."""
    return store.job(f"{label}-in-{game}-{seed}", resolve(EvalConfig, game=game, policy=policy, seed=seed))
