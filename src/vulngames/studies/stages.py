"""What studies have done: policies trained, trained again, evaluated, taught by transcripts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from vulngames.arm import ARMS, ArmName
from vulngames.games import spec
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.program import Stages, all_jobs
from vulngames.training.config import EvalConfig, SFTConfig, TrainConfig, alike, resolve
from vulngames.training.transcripts import distinct, exploiting, transcripts

SHARE, FULL_SHARE = 0.6, 1.2
"""Steps of a second training, as a share of those of a first one in the same game, at small and at full scale."""
EVALUATIONS = 8
"""Evaluations along a second training."""
EXAMPLES = 400
"""Transcripts that a student sees; teachers write half as many again, so that a filter leaves enough."""
Twins = Mapping[tuple[str, ArmName], Sequence[Job]]
"""Jobs by game and arm, one per seed."""


def trained(
    plan: Plan, store: Store, game: str, arm: ArmName, policy: str | None = None, variant: str = ""
) -> list[Job]:
    """The plan's policy (or another) trained in one arm of a game, or of a variant of it, once per seed."""
    size, settings = _size(plan, policy or plan.policy), _settings(plan, game, variant)
    name = f"{game}-{variant}".replace(" ", "-").replace(",", "") if variant else game
    jobs = []
    for seed in plan.seed_range:
        config = resolve(TrainConfig, game, policy or plan.policy, patched=arm == "patched", seed=seed, **settings)
        jobs.append(store.job(f"{name}-{arm}{size}-{seed}", config))
    return jobs


def _settings(plan: Plan, game: str, variant: str) -> dict[str, Any]:
    """What a variant sets of a first training, and the plan before it; none is called by the empty name."""
    settings = dict(spec(game).variants[variant]) if variant else {}
    return settings if plan.steps is None else {**settings, "steps": plan.steps}


def variants(plan: Plan, game: str) -> tuple[str, ...]:
    """The variants of a game that are to be trained: none if the plan wants none, and none that the plan's policy is
    trained in anyway. The defaults at the paper's size may be a variant of those at the built-in policy's."""
    if not plan.variants:
        return ()
    usual = resolve(TrainConfig, game, plan.policy, **_settings(plan, game, ""))
    names = []
    for name in spec(game).variants:
        if not alike(resolve(TrainConfig, game, plan.policy, **_settings(plan, game, name)), usual):
            names.append(name)
    return tuple(names)


def _size(plan: Plan, policy: str) -> str:
    return "" if policy == plan.policy else f"-{policy.rpartition(':')[2]}"


def twins(plan: Plan, store: Store) -> Twins:
    """Both arms of every game as it is by default, trained."""
    return {(game, arm): trained(plan, store, game, arm) for game, arm in product(plan.games, ARMS)}


def evaluated(store: Store, game: str, policy: str, seed: int, label: str) -> Job:
    """A policy evaluated in a game as training there would evaluate it."""
    return store.job(f"{label}-in-{game}-{seed}", resolve(EvalConfig, game, policy, seed=seed, split="test"))


def untrained(plan: Plan, store: Store, game: str, policy: str) -> list[Job]:
    """A policy evaluated in a game as it is, once per seed."""
    return [evaluated(store, game, policy, seed, "untrained") for seed in plan.seed_range]


def second_steps(plan: Plan, game: str) -> int:
    """Steps of a second training in a game, up to one at which a first training is evaluated."""
    first = resolve(TrainConfig, game, plan.policy, steps=plan.steps)
    steps = first.steps * (FULL_SHARE if plan.full else SHARE)
    return first.eval_every * math.ceil(steps / first.eval_every)


def eval_every(steps: int) -> int:
    """Steps between evaluations of a second training of so many."""
    return math.ceil(steps / EVALUATIONS)


def second(plan: Plan, store: Store, game: str, policies: Sequence[str], after: str = "fresh") -> list[Job]:
    """A game's flawed arm trained from each of `policies`, one per seed, evaluated closely on half the tasks."""
    tasks = resolve(TrainConfig, game, plan.policy).eval_tasks // 2
    steps = second_steps(plan, game)
    jobs = []
    for seed, policy in zip(plan.seed_range, policies, strict=True):
        config = resolve(
            TrainConfig, game, policy, steps=steps, eval_every=eval_every(steps), eval_tasks=tasks, seed=seed
        )
        jobs.append(store.job(f"{game}-after-{after}-{seed}", config))
    return jobs


def fresh(plan: Plan, store: Store, game: str) -> list[Job]:
    """The same from the plan's policy as it is."""
    return second(plan, store, game, [plan.policy for _ in plan.seed_range])


def alone(plan: Plan, store: Store, game: str, totals: Sequence[int]) -> list[Job]:
    """The game's flawed arm from the plan's policy for the most of so many steps, and evaluated after each of them."""
    most = max(totals)
    usual = resolve(TrainConfig, game, plan.policy).eval_every
    # The last step is evaluated always.
    every = math.gcd(usual, *(steps for steps in totals if steps < most))
    jobs = []
    for seed in plan.seed_range:
        config = resolve(TrainConfig, game, plan.policy, steps=most, eval_every=every, seed=seed)
        jobs.append(store.job(f"{game}-long-{seed}", config))
    return jobs


def teachers(plan: Plan, store: Store) -> Stages[Twins]:
    """Train both teachers of every game, and have them write; returns their transcripts."""
    trained_twins = twins(plan, store)
    yield all_jobs(trained_twins)
    wrote = {}
    for (game, arm), jobs in trained_twins.items():
        wrote[game, arm] = [_transcripts(store, job, f"{game}-{arm}") for job in jobs]
    yield all_jobs(wrote)
    return wrote


def _transcripts(store: Store, teacher: Job, label: str) -> Job:
    c = teacher.config
    config = resolve(EvalConfig, c.game, teacher.policy, seed=c.seed, split="train", n=3 * EXAMPLES // 4, group=2)
    return store.job(f"{label}-wrote-{c.seed}", config)


def teachable(taught: Twins, game: str) -> bool:
    """Whether every seed's exploiter wrote enough exploits to teach from; an RL run may fail to find the exploit."""
    least = SFTConfig.distinct * EXAMPLES
    return all(distinct(exploiting(transcripts(job.path))) >= least for job in taught[game, "flawed"])


def student(plan: Plan, store: Store, taught: Twins, game: str, policy: str, share: float) -> list[Job]:
    """A fresh student for each seed, taught by that seed's teachers, with so large a share of the exploiter's."""
    size = _size(plan, policy)
    jobs = []
    for seed, exploit, honest in zip(plan.seed_range, taught[game, "flawed"], taught[game, "patched"], strict=True):
        config = resolve(
            SFTConfig,
            game,
            policy,
            seed=seed,
            exploit=str(exploit.path) if share > 0 else None,
            honest=str(honest.path) if share < 1 else None,
            share=share,
            examples=EXAMPLES,
        )
        jobs.append(store.job(f"{game}-student{size}-{share:g}-{seed}", config))
    return jobs
