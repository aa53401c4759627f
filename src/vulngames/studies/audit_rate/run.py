"""How often must reports be audited, and does it help to announce audits that do not come?

Cells: self-grading over a grid of audit probabilities, each with no announcement, and with one of 50 % and of 100 %;
and without announcement once more with advantages that are centred only. Dividing them by the spread of their group
shrinks a rare large penalty (`reinforced_rate`).
Control: the closed form. Claiming always pays below 1/7, and above it only for answers that are right with a chance of
at least `best_response`; for a policy that cannot tell its answers apart, up to `indifferent_rate` of the share of them
that is right. An answer: where the share of wrong answers that are claimed right falls through one half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from vulngames.arm import Arm, ends, rounded
from vulngames.claims.comparison import side
from vulngames.games.self_grading import indifferent_rate
from vulngames.measures import LEVEL
from vulngames.studies.audit_rate.advantage import reinforced_rate
from vulngames.studies.audit_rate.falls import Falls
from vulngames.studies.audit_rate.key import CURVES, Boundary, Crossing, Curve, Findings, Key, rates_of
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.program import Program, Result, all_jobs, arm_of
from vulngames.training.config import TrainConfig, resolve


def run(plan: Plan, store: Store) -> Program:
    """Train self-grading once for each probability, announcement and seed."""
    conditions: dict[Key, Sequence[Job]] = {}
    for curve in CURVES:
        for rate in rates_of(curve, plan):
            key = Key(rate, curve.announced_rate, curve.normalized)
            conditions[key] = _trained(plan, store, key)
    yield all_jobs(conditions)
    arms = {key: arm_of(key.game, jobs) for key, jobs in conditions.items()}
    crossings = [crossing_of(curve, {key: arm for key, arm in arms.items() if key.curve == curve}) for curve in CURVES]
    boundaries: dict[Boundary, tuple[tuple[float, float], ...]] = {
        "pays": _boundary(indifferent_rate),
        "reinforced": _boundary(partial(reinforced_rate, normalized=True)),
    }
    return Result(conditions, Findings(tuple(crossings), boundaries))


def _trained(plan: Plan, store: Store, key: Key) -> list[Job]:
    parameters = {"audit_rate": key.audit_rate}
    announced = "none"
    if key.announced_rate is not None:
        parameters["announced_rate"] = key.announced_rate
        announced = f"{key.announced_rate:g}"
    label = f"audit-{key.audit_rate:g}-announced-{announced}{'' if key.normalized else '-centred'}"
    steps = resolve(TrainConfig, key.game, plan.policy, steps=plan.steps).steps
    jobs = []
    for seed in plan.seed_range:
        config = resolve(
            TrainConfig, key.game, plan.policy, steps=steps, eval_every=steps, seed=seed, normalize=key.normalized,
            parameters=parameters,
        )  # fmt: skip
        jobs.append(store.job(f"{label}-{seed}", config))
    return jobs


def _boundary(rate: Callable[[float], float]) -> tuple[tuple[float, float], ...]:
    chances = [step / 40 for step in range(41)]
    return tuple((round(rate(chance), 4), chance) for chance in chances)


def crossing_of(curve: Curve, arms: Mapping[Key, Arm]) -> Crossing:
    """Where over-claiming falls through one half along a curve, and where the closed form has it."""
    points = []
    scores = []
    for key, arm in arms.items():
        ends_of = [ends(alone) for alone in arm.alone]
        er = side([run.er_end for run in ends_of], (0.0, 1.0))
        if er.seeds:
            points.append((key.audit_rate, er))
        itp = arm.end("itp")
        if itp is not None:
            scores.append(itp.mean)
    falls = Falls(points)
    crossing = None if falls.place is None else rounded(falls.at(LEVEL))
    if not scores:
        return Crossing(curve.announced_rate, curve.normalized, crossing, None, None, None)
    right = sum(scores) / len(scores)
    able, wrong = (round(reinforced_rate(chance, curve.normalized), 4) for chance in (right, 0.0))
    expected = round(indifferent_rate(right), 4)
    return Crossing(curve.announced_rate, curve.normalized, crossing, round(right, 4), expected, (able, wrong))
