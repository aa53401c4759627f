"""Does an exploit learned in one game show in the others, without any training there?

Cells: every game trained in, flawed and patched, measured in every game. Controls: the untrained policy, and the same
policy trained on the patched game, so that what training did can be told from what the exploit did. An answer: off the
diagonal, ER after the flawed game lies above (or below) both controls.
"""

from __future__ import annotations

from vulngames.studies.cell import Cell
from vulngames.studies.emergence import ARMS, trained
from vulngames.studies.plan import Plan
from vulngames.studies.study import Course
from vulngames.studies.work import Store, Work
from vulngames.train.config import ExamConfig, settle_exam


def transfer(plan: Plan, store: Store) -> Course:
    """Measure every trained policy in every game."""
    twins = {(game, arm): trained(plan, store, game, arm) for game in plan.games for arm in ARMS}
    yield [work for works in twins.values() for work in works]
    exams = {
        ("none", "untrained", game): [measured(store, game, plan.policy, seed, "untrained") for seed in plan.seed_range]
        for game in plan.games
    }
    for (first, arm), works in twins.items():
        for game in plan.games:
            exams[first, arm, game] = [
                measured(store, game, work.policy, work.config.seed, f"{first}-{arm}") for work in works
            ]
    yield [work for works in exams.values() for work in works]
    return [
        Cell({"trained": first, "arm": arm, "game": game}, works) for (first, arm, game), works in exams.items()
    ], {}


def measured(store: Store, game: str, policy: str, seed: int, label: str) -> Work:
    """A policy measured in a game as training there would measure it."""
    return store.work(f"{label}-in-{game}-{seed}", settle_exam(ExamConfig(game=game, policy=policy, seed=seed)))
