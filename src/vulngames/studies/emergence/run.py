"""Is the exploit learned under the flaw, and not under its patch?

Arms: every game, flawed and patched, with the same seeds: same tasks, same audit coins, same held-out tasks; and each
of its variants, likewise. Control: the patched twin. An answer: at the end, the two arms' intervals of ER do not
overlap.
"""

from __future__ import annotations

from vulngames.studies.emergence.key import Findings, promised
from vulngames.studies.job import Store
from vulngames.studies.plan import Plan
from vulngames.studies.program import Program, Result, all_jobs
from vulngames.studies.stages import trained, variants


def run(plan: Plan, store: Store) -> Program:
    """Train both arms of every game and of its variants."""
    findings = Findings({game: variants(plan, game) for game in plan.games})
    conditions = {}
    for key in promised(plan, findings):
        conditions[key] = trained(plan, store, key.game, key.arm, variant=key.variant)
    yield all_jobs(conditions)
    return Result(conditions, findings)
