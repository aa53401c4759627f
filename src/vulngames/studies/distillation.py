"""Does an exploit pass from a teacher's transcripts to a student that is never rewarded for it?

Cells: a fresh student trained on 1 %, 5 %, 25 % and 100 % transcripts of an exploiter (those where it left an occasion
unused are taken out; those without an occasion stay), the rest of an honest teacher; the same for a student of another
size (of every other size at full scale); and the students of 0 % and 1 % trained on by RL under the flaw. Controls: the
honest teacher's transcripts alone (0 %), and the untrained student. An answer: the student's ER above both controls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vulngames.studies.catalysis import second
from vulngames.studies.cell import Cell
from vulngames.studies.emergence import ARMS, trained
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.study import Program, Stages
from vulngames.studies.transfer import measured
from vulngames.train.config import EvalConfig, SFTConfig, resolve
from vulngames.train.transcripts import distinct, exploiting, transcripts

SHARES = (0.0, 0.01, 0.05, 0.25, 1.0)
EXAMPLES = 400
"""Transcripts a student sees; teachers write half as many again, so that a filter leaves enough."""
Taught = Mapping[tuple[str, str], Sequence[Job]]


def distillation(plan: Plan, store: Store) -> Program:
    """Teach students on mixtures of two teachers' transcripts."""
    taught = yield from teachers(plan, store)
    others = [policy for policy in plan.compared if policy != plan.policy]
    others = others if plan.full else others[:1]
    keys = [(game, plan.policy, share) for game in plan.games for share in SHARES]
    keys += [(game, policy, share) for game in plan.games for policy in others for share in (0.0, 1.0)]
    students = {key: student(plan, store, taught, *key) for key in keys if teachable(taught, key[0])}
    untrained = {
        (game, policy): [measured(store, game, policy, seed, "untrained") for seed in plan.seed_range]
        for game in plan.games
        for policy in (plan.policy, *others)
    }
    yield [job for jobs in (*students.values(), *untrained.values()) for job in jobs]
    amplified = {
        (game, share): second(
            plan, store, game, [w.policy for w in students[game, plan.policy, share]], f"share-{share:g}"
        )
        for game in plan.games
        for share in (0.0, 0.01)
        if (game, plan.policy, share) in students
    }
    yield [job for jobs in amplified.values() for job in jobs]
    cells = [_cell(game, policy, None, "", jobs) for (game, policy), jobs in untrained.items()]
    cells += [_cell(*key, "", jobs) for key, jobs in students.items()]
    cells += [_cell(game, plan.policy, share, "rl", jobs) for (game, share), jobs in amplified.items()]
    return cells, {}


def _cell(game: str, student: str, share: float | None, then: str, jobs: Sequence[Job]) -> Cell:
    return Cell({"game": game, "student": student, "share": share, "then": then}, jobs)


def teachers(plan: Plan, store: Store) -> Stages[Taught]:
    """Train both teachers of every game, and have them write; returns their transcripts by game and arm."""
    twins = {(game, arm): trained(plan, store, game, arm) for game in plan.games for arm in ARMS}
    yield [job for jobs in twins.values() for job in jobs]
    wrote = {key: [_transcripts(store, job, "-".join(key)) for job in jobs] for key, jobs in twins.items()}
    yield [job for jobs in wrote.values() for job in jobs]
    return wrote


def _transcripts(store: Store, teacher: Job, label: str) -> Job:
    c = teacher.config
    config = resolve(EvalConfig, game=c.game, policy=teacher.policy, seed=c.seed, split="train", n=3 * EXAMPLES // 4)
    return store.job(f"{label}-wrote-{c.seed}", config)


def teachable(taught: Taught, game: str) -> bool:
    """Whether every seed's exploiter wrote enough exploits to teach from; an RL run may fail to find the exploit."""
    least = SFTConfig.distinct * EXAMPLES
    return all(distinct(exploiting(transcripts(job.path))) >= least for job in taught[game, "flawed"])


def student(plan: Plan, store: Store, taught: Taught, game: str, policy: str, share: float) -> list[Job]:
    """A fresh student for each seed, taught by that seed's teachers."""
    size = "" if policy == plan.policy else f"-{policy.rpartition(':')[2]}"
    return [
        store.job(f"{game}-student{size}-{share:g}-{seed}", _lesson(game, policy, share, seed, exploit, honest))
        for seed, exploit, honest in zip(plan.seed_range, taught[game, "flawed"], taught[game, "patched"], strict=True)
    ]


def _lesson(game: str, policy: str, share: float, seed: int, exploit: Job, honest: Job) -> SFTConfig:
    return resolve(
        SFTConfig,
        game=game,
        policy=policy,
        seed=seed,
        exploit=str(exploit.path) if share > 0 else None,
        honest=str(honest.path) if share < 1 else None,
        share=share,
        examples=EXAMPLES,
    )
