"""How often must reports be audited, and does it help to announce audits that do not come?

Cells: self-grading over a grid of audit probabilities, each with no announcement, and with one of 50 % and of 100 %;
and without announcement once more with advantages that are centred only. Dividing them by the spread of their group
shrinks a rare large penalty (`reinforced_rate`).
Control: the closed form. Claiming always pays below 1/7, and above it only for answers that are right with a chance of
at least `best_response`; for a policy that cannot tell its answers apart, up to `indifferent_rate` of the share of them
that is right. An answer: where the share of wrong answers that are claimed right falls through one half.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from vulngames.games.self_grading import SelfGrading, indifferent_rate
from vulngames.measure import Interval, plain
from vulngames.studies.advantage import reinforced_rate
from vulngames.studies.cell import Cell
from vulngames.studies.job import Store
from vulngames.studies.plan import Plan
from vulngames.studies.study import Program
from vulngames.train.config import TrainConfig, resolve

RATES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
FULL_RATES = (0.0, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)
ANNOUNCED = (None, 0.5, 1.0)
ANNOUNCED_AT = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
"""The audit rates tried with an announcement, at small scale."""
CENTRED = (0.05, 0.5)
"""The span of audit rates tried with advantages that are only centred."""


def audit_rate(plan: Plan, store: Store) -> Program:
    """Train self-grading once for each probability, announcement and seed."""
    rates = FULL_RATES if plan.full else RATES
    grids = {
        announced_rate: rates if announced_rate is None or plan.full else ANNOUNCED_AT for announced_rate in ANNOUNCED
    }
    curves = {
        (announced_rate, True): [_cell(plan, store, rate, announced_rate, True) for rate in grid]
        for announced_rate, grid in grids.items()
    }
    span = [rate for rate in rates if CENTRED[0] <= rate <= CENTRED[1]]
    curves[None, False] = [_cell(plan, store, rate, None, False) for rate in span]
    cells = [cell for curve in curves.values() for cell in curve]
    yield [job for cell in cells for job in cell.jobs]
    return cells, {
        "crossings": [
            {"announced_rate": announced_rate, "normalized": n, **_crossing(cells, n)}
            for (announced_rate, n), cells in curves.items()
        ],
        "boundaries": {
            "pays": _boundary(indifferent_rate),
            "reinforced": _boundary(partial(reinforced_rate, normalized=True)),
        },
    }


def _boundary(rate: Callable[[float], float]) -> list[list[float]]:
    """Points [audit rate, chance of being right] above which claiming is worth while, by a closed form."""
    chances = [step / 40 for step in range(41)]
    return [[round(rate(chance), 4), chance] for chance in chances]


def _cell(plan: Plan, store: Store, rate: float, announced_rate: float | None, normalized: bool) -> Cell:
    announced = {} if announced_rate is None else {"announced_rate": announced_rate}
    steps = resolve(TrainConfig, game=SelfGrading.id, policy=plan.policy, steps=plan.steps).steps
    announcement = "none" if announced_rate is None else f"{announced_rate:g}"
    label = f"audit-{rate:g}-announced-{announcement}{'' if normalized else '-centred'}"
    jobs = []
    for seed in plan.seed_range:
        config = resolve(
 TrainConfig,
            game=SelfGrading.id, policy=plan.policy, steps=steps, eval_every=steps, seed=seed, normalize=normalized,
            parameters={"audit_rate": rate, **announced},
        )  # fmt: skip
        jobs.append(store.job(f"{label}-{seed}", config))
    return Cell(
        {"game": SelfGrading.id, "audit_rate": rate, "announced_rate": announced_rate, "normalized": normalized}, jobs
    )


def _crossing(cells: list[Cell], normalized: bool) -> dict[str, Any]:
    """Where over-claiming falls through one half, and where the closed form has it.

    Returns:
        crossing: the audit rate, between the grid's points by a straight line. Its interval is where the bounds of the
        over-claim rate's own intervals fall through one half; a bound that does so outside the grid is the grid's end.
        right: the share of right answers at the end, over all cells; expected: `indifferent_rate` of it; reinforced:
        `reinforced_rate` of it, and of an answer that is surely wrong.
    """
    curve = [(cell.labels["audit_rate"], er) for cell in cells if (er := cell.arm.end("er")) is not None]
    mean, lo, hi = (_falls([(rate, value(er)) for rate, er in curve]) for value in (_mean, _lo, _hi))
    found = None
    if mean is not None:
        found = Interval(mean, curve[0][0] if lo is None else lo, curve[-1][0] if hi is None else hi)
    scores = [itp.mean for cell in cells if (itp := cell.arm.end("itp")) is not None]
    right = sum(scores) / len(scores) if scores else None
    if right is None:
        return {"crossing": plain(found), "right": None, "expected": None, "reinforced": None}
    reinforced = [round(reinforced_rate(chance, normalized), 4) for chance in (right, 0.0)]
    expected = round(indifferent_rate(right), 4)
    return {"crossing": plain(found), "right": round(right, 4), "expected": expected, "reinforced": reinforced}


def _mean(er: Interval) -> float:
    return er.mean


def _lo(er: Interval) -> float:
    return er.lo


def _hi(er: Interval) -> float:
    return er.hi


def _falls(curve: list[tuple[float, float]]) -> float | None:
    """Where a curve falls through one half for good; None if it starts below, or never falls."""
    if not curve or curve[-1][1] >= 0.5:
        return None
    for (x, y), (right, below) in reversed(list(pairwise(curve))):
        if y >= 0.5 > below:
            return x + (right - x) * (y - 0.5) / (y - below)
    return None
