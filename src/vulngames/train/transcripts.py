"""What other runs wrote, as lessons to imitate."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vulngames.errors import UserError
from vulngames.runs import load_run
from vulngames.seeds import rng
from vulngames.train.config import SettledExam, SettledSFT
from vulngames.train.lessons import lessons
from vulngames.types import Conversation, Game, Reply, Task


@dataclass(frozen=True)
class Transcript:
    """One scored episode that a run holds: its task, what was written, what it was paid, and whether the exploit was
    used."""

    task: Task
    texts: tuple[str, ...]
    exploited: bool | None
    reward: float
    patched: float

    def conversation(self, game: Game[Any]) -> Conversation:
        """The whole episode, as `game` asks and the writer answered; its replies hold text only."""
        parts: Conversation = ()
        for number, text in enumerate(self.texts):
            turn = game.turn(self.task, self.texts[:number])
            assert turn is not None
            parts = (*parts, *turn.messages, Reply(text))
        return parts


def transcripts(path: Path) -> list[Transcript]:
    """The scored episodes of a run that `exam` made on its training split.

    Raises:
        UserError: it is not such a run, or not finished.
    """
    run = load_run(path)
    if run.about.get("verb") != "exam" or run.about["config"]["split"] != "train" or not run.finished:
        raise UserError(f"{path} holds no transcripts to train on; valid: a finished exam on the training split")
    config = SettledExam(**run.about["config"])
    tasks = {task.id: task for task in lessons(config, config.eval_tasks)}
    return [_read(row, tasks) for row in run.samples() if not row["error"]]


def _read(row: Mapping[str, Any], tasks: Mapping[str, Task]) -> Transcript:
    return Transcript(
        tasks[row["task"]], tuple(row["texts"]), row["exploited"], reward=row["reward"], patched=row["patched"]
    )


def exploiting(found: Sequence[Transcript], keep: str = "verdict") -> list[Transcript]:
    """Those that `SFTConfig.keep` takes from an exploiter's."""
    if keep == "reward":
        return _well_paid(found, [t.reward for t in found])
    return [t for t in found if keep == "all" or t.exploited is not False]


def honest(found: Sequence[Transcript], keep: str = "verdict") -> list[Transcript]:
    """Those that `SFTConfig.keep` takes from an honest teacher's."""
    if keep == "reward":
        return _well_paid(found, [t.patched for t in found])
    return [t for t in found if keep == "all" or t.exploited is not True]


def _well_paid(found: Sequence[Transcript], pay: Sequence[float]) -> list[Transcript]:
    # Both sides rounded once: a mean of equal numbers may lie above them.
    return [t for t, paid in zip(found, pay, strict=True) if paid * len(pay) >= math.fsum(pay)]


def mixture(config: SettledSFT) -> list[Transcript]:
    """`examples` transcripts, `share` of them exploiting, in random order; each drawn once while there are enough.

    Warns where they are drawn more than twice each.

    Raises:
        UserError: a run holds none of the kind that is asked of it, or so few that they would be drawn over and over.
    """
    exploits = round(config.share * config.examples)
    random = rng("mixture", config.game, config.seed)
    drawn = []
    for name, choose, n in (("exploit", exploiting, exploits), ("honest", honest, config.examples - exploits)):
        path = getattr(config, name)
        pool = choose(transcripts(Path(path)), config.keep) if path else []
        _check_distinct(f"{name} = {path}", config, distinct(pool), n)
        drawn += _draw(random.sample, pool, n)
    random.shuffle(drawn)
    return drawn


def distinct(found: Sequence[Transcript]) -> int:
    """How many of them differ in their task or their texts."""
    return len({(each.task.id, each.texts) for each in found})


def _check_distinct(where: str, config: SettledSFT, different: int, examples: int) -> None:
    if not examples or 2 * different >= examples:
        return
    held = f"{where} holds {different} distinct transcripts to keep by {config.keep}, for {examples} examples"
    least = max(1, math.ceil(config.distinct * examples))
    if different < least:
        raise UserError(
            f"{held}; valid: {least} or more of them (exam more tasks), fewer --examples, a lower --distinct"
        )
    warnings.warn(f"{held}: each is shown {examples / different:.1f} times an epoch", stacklevel=2)


def _draw(sample: Any, pool: Sequence[Transcript], n: int) -> list[Transcript]:
    whole, rest = divmod(n, len(pool)) if n else (0, 0)
    return [*pool] * whole + sample(pool, rest)
