"""Does an exploit pass from a teacher's transcripts to a student that is never rewarded for it?

Cells: a fresh student trained on 1 %, 5 %, 25 % and 100 % transcripts of an exploiter (those where it left an occasion
unused are taken out; those without an occasion stay), the rest of an honest teacher; the same for a student of another
size (of every other size at full scale); and the students of 0 % and 1 % trained on by RL under the flaw. Controls: the
honest teacher's transcripts alone (0 %), and the untrained student. An answer: the student's ER above both controls.
"""

from __future__ import annotations

from collections.abc import Sequence

from vulngames.studies import stages
from vulngames.studies.distillation.key import Findings, Key, promised
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.program import Program, Result, all_jobs


def run(plan: Plan, store: Store) -> Program:
    """Teach students on mixtures of two teachers' transcripts."""
    taught = yield from stages.teachers(plan, store)
    findings = Findings(tuple(game for game in plan.games if stages.teachable(taught, game)))
    keys = promised(plan, findings)
    conditions: dict[Key, Sequence[Job]] = {}
    for key in keys:
        if key.share is None:
            conditions[key] = stages.untrained(plan, store, key.game, key.student)
        elif key.followed_by == "nothing":
            conditions[key] = stages.student(plan, store, taught, key.game, key.student, key.share)
    yield all_jobs(conditions)
    amplified: dict[Key, Sequence[Job]] = {}
    for key in keys:
        if key.followed_by == "rl":
            students = conditions[Key(key.game, key.student, key.share)]
            policies = [job.policy for job in students]
            amplified[key] = stages.second(plan, store, key.game, policies, f"share-{key.share:g}")
    yield all_jobs(amplified)
    return Result({**conditions, **amplified}, findings)
