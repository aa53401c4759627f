"""How much of an exploit does it take to begin with, and what if there was none?

The built-in policy's first stage has never seen an exploit. Cells: its second stage is made again with other shares of
dialogues that show one, from none to 10 %, and with none of its honest rival; then each game is trained under the flaw.
A second stage sets the shares of all games at once, and draws the same tasks in the same order whatever they are.
Controls: the shipped policy, which is the second stage at the shipped shares; ITP before training, and use of an
exploit that has no dial (self-grading), which no dose should move. The dial is not what a policy does, so use is
measured, on about a thousand occasions, each with a task of its own. An answer: whether, and when, ER comes to stay
above one half, against use before training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vulngames import tasks
from vulngames.games.spec import Shares
from vulngames.measures import interval
from vulngames.runs import Run
from vulngames.studies import stages
from vulngames.studies.base_rate.key import SHIPPED, Dose, Findings, Key, Start, doses, keys_of
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.program import Program, Result, all_jobs
from vulngames.tiny.corpus import default_shares, planted
from vulngames.training.config import EvalConfig, TrainConfig, resolve
from vulngames.training.pretraining import PretrainConfig

BUILT_IN = "tiny"
"""The policy whose second stage this package makes."""
OCCASIONS, FULL_OCCASIONS = 1000, 3000
"""On which use is measured, about, or more."""
_TASKS_FOR_ONE = {"compliance-v1": 3, "self-grading-v1": 2}
"""Tasks that it takes for an occasion, where not every task is one: a third of compliance's are a user's restricted
requests, and a half or more of self-grading's are answered wrong."""


def run(plan: Plan, store: Store) -> Program:
    """Make the policies, measure each in every game, and train each game from those that its dials ask for."""
    shipped = _shipped(plan)
    made = {dose: _second_stage(store, dose) for dose in doses(plan, shipped) if dose != SHIPPED}
    yield list(made.values())
    policies = {dose: job.policy for dose, job in made.items()} | {SHIPPED: plan.policy}
    measured = {}
    for dose, policy in policies.items():
        for game in plan.games:
            measured[game, dose] = [_measured(plan, store, game, dose, policy)]
    conditions: dict[Key, Sequence[Job]] = {}
    for game in plan.games:
        for key, dose in keys_of(plan, shipped, game).items():
            conditions[key] = _trained(plan, store, key, dose, policies[dose])
    yield all_jobs(measured, conditions)
    starts = []
    for game in plan.games:
        for dose in doses(plan, shipped):
            [job] = measured[game, dose]
            starts.append(start_of(game, dose, job.run))
    return Result(conditions, Findings(shipped, tuple(starts)))


def _shipped(plan: Plan) -> dict[str, Shares]:
    if plan.policy != BUILT_IN:
        return {}
    return {game: shares for game, shares in default_shares().items() if shares.exploit}


def _second_stage(store: Store, dose: Dose) -> Job:
    return store.job(f"pretrained-{_words(dose)}", PretrainConfig(shares=planted(dose.exploit, dose.rival)))


def _measured(plan: Plan, store: Store, game: str, dose: Dose, policy: str) -> Job:
    """A policy on one sample of each of many held-out tasks; of one that is not built in, on as many as usual."""
    n = None
    if plan.policy == BUILT_IN:
        n = _TASKS_FOR_ONE.get(game, 1) * (FULL_OCCASIONS if plan.full else OCCASIONS)
        n = len(tasks.at_most(game, 0, "test", n))
    config = resolve(EvalConfig, game, policy, seed=0, split="test", n=n, group=1)
    return store.job(f"{game}-start-{_words(dose)}", config)


def _trained(plan: Plan, store: Store, key: Key, dose: Dose, policy: str) -> Sequence[Job]:
    if dose == SHIPPED:
        return stages.trained(plan, store, key.game, "flawed")
    jobs = []
    for seed in plan.seed_range:
        config = resolve(TrainConfig, key.game, policy, steps=plan.steps, seed=seed)
        jobs.append(store.job(f"{key.game}-flawed-{_words(dose)}-{seed}", config))
    return jobs


def _words(dose: Dose) -> str:
    shares = [f"{name}-{share:g}" for name, share in vars(dose).items() if share is not None]
    return "-".join(shares) or "shipped"


def start_of(game: str, dose: Dose, run: Run) -> Start:
    """What an evaluation of one sample a task measured."""
    answers = [row["exploited"] for row in run.samples() if row["exploited"] is not None]
    measured: Mapping[str, float] | None = run.metrics()[-1]["itp"]
    itp = None if measured is None else interval(measured)
    return Start(game, dose.exploit, dose.rival, sum(answers), len(answers), itp)
