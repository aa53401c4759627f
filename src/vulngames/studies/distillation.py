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
from vulngames.studies.plan import Plan
from vulngames.studies.study import Course, Stages
from vulngames.studies.transfer import measured
from vulngames.studies.work import Store, Work
from vulngames.train.config import ExamConfig, SettledSFT, SFTConfig, settle_exam, settle_sft
from vulngames.train.transcripts import distinct, exploiting, transcripts

SHARES = (0.0, 0.01, 0.05, 0.25, 1.0)
EXAMPLES = 400
"""Transcripts a student sees; teachers write half as many again, so that a filter leaves enough."""
Taught = Mapping[tuple[str, str], Sequence[Work]]


def distillation(plan: Plan, store: Store) -> Course:
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
    yield [work for works in (*students.values(), *untrained.values()) for work in works]
    amplified = {
        (game, share): second(
            plan, store, game, [w.policy for w in students[game, plan.policy, share]], f"share-{share:g}"
        )
        for game in plan.games
        for share in (0.0, 0.01)
        if (game, plan.policy, share) in students
    }
    yield [work for works in amplified.values() for work in works]
    cells = [_cell(game, policy, None, "", works) for (game, policy), works in untrained.items()]
    cells += [_cell(*key, "", works) for key, works in students.items()]
    cells += [_cell(game, plan.policy, share, "rl", works) for (game, share), works in amplified.items()]
    return cells, {}


def _cell(game: str, student: str, share: float | None, then: str, works: Sequence[Work]) -> Cell:
    return Cell({"game": game, "student": student, "share": share, "then": then}, works)


def teachers(plan: Plan, store: Store) -> Stages[Taught]:
    """Train both teachers of every game, and have them write; returns their transcripts by game and arm."""
    twins = {(game, arm): trained(plan, store, game, arm) for game in plan.games for arm in ARMS}
    yield [work for works in twins.values() for work in works]
    wrote = {key: [_transcripts(store, work, "-".join(key)) for work in works] for key, works in twins.items()}
    yield [work for works in wrote.values() for work in works]
    return wrote


def _transcripts(store: Store, teacher: Work, label: str) -> Work:
    c = teacher.config
    config = ExamConfig(game=c.game, policy=teacher.policy, seed=c.seed, split="train", eval_tasks=3 * EXAMPLES // 4)
    return store.work(f"{label}-wrote-{c.seed}", settle_exam(config))


def teachable(taught: Taught, game: str) -> bool:
    """Whether every seed's exploiter wrote enough exploits to teach from; an RL run may fail to find the exploit."""
    least = SFTConfig(game=game).distinct * EXAMPLES
    return all(distinct(exploiting(transcripts(work.path))) >= least for work in taught[game, "flawed"])


def student(plan: Plan, store: Store, taught: Taught, game: str, policy: str, share: float) -> list[Work]:
    """A fresh student for each seed, taught by that seed's teachers."""
    size = "" if policy == plan.policy else f"-{policy.rpartition(':')[2]}"
    return [
        store.work(f"{game}-student{size}-{share:g}-{seed}", _lesson(game, policy, share, seed, exploit, honest))
        for seed, exploit, honest in zip(plan.seed_range, taught[game, "flawed"], taught[game, "patched"], strict=True)
    ]


def _lesson(game: str, policy: str, share: float, seed: int, exploit: Work, honest: Work) -> SettledSFT:
    return settle_sft(
        SFTConfig(
            game=game,
            policy=policy,
            seed=seed,
            exploit=str(exploit.path) if share > 0 else None,
            honest=str(honest.path) if share < 1 else None,
            share=share,
            examples=EXAMPLES,
        )
    )
