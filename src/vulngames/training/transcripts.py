"""What other runs wrote, as examples to imitate."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import Any

from vulngames.digests import differing
from vulngames.errors import UserError
from vulngames.runs import Run, load_run
from vulngames.seeds import rng
from vulngames.tasks import rows
from vulngames.training.config import EvalConfig, SFTConfig
from vulngames.training.splits import split_tasks
from vulngames.types import Conversation, Environment, Reply, Task


@dataclass(frozen=True)
class Transcript:
    """One scored episode that a run holds: its task, what was written, what it was paid, and whether the exploit was
    used."""

    task: Task
    completions: tuple[str, ...]
    exploited: bool | None
    reward: float
    patched: float | None

    def conversation(self, environment: Environment) -> Conversation:
        """The whole episode, as the environment asks and the writer answered; its replies hold text only."""
        parts: Conversation = ()
        for number, text in enumerate(self.completions):
            turn = environment.turn(self.task, self.completions[:number])
            assert turn is not None
            parts = (*parts, *turn.messages, Reply(text))
        return parts


def written(path: Path) -> Run:
    """The run at `path`, in which `eval` has written transcripts on its training split.

    Raises:
        UserError: it is not such a run, or not finished.
    """
    run = load_run(path)
    if run.about.get("verb") != "eval" or run.about["config"].get("split") != "train" or not run.finished:
        raise UserError(f"{path} holds no transcripts to train on; valid: a finished eval --split train")
    return run


def transcripts(path: Path) -> list[Transcript]:
    """The scored episodes of a run that `eval` made on its training split.

    Raises:
        UserError: see `written`; or the rows it was made on are others now, so that it answers no task here.
    """
    run = written(path)
    config = _config(run)
    present = {} if config.data is None else {"data": {"rows": rows.digest(config.game, Path(config.data))}}
    if differing(run.inputs, present):
        raise _others(path, config)
    tasks = {task.id: task for task in split_tasks(config)}
    return [_read(row, tasks.get(row["task"]), _others(path, config)) for row in run.samples() if not row["error"]]


def _config(run: Run) -> EvalConfig:
    config = run.about["config"]
    if config.keys() != {option.name for option in fields(EvalConfig)}:
        raise UserError(f"{run.path} was written by another version of this package; valid: eval again")
    return EvalConfig(**config)


def _read(row: Mapping[str, Any], task: Task | None, others: UserError) -> Transcript:
    # A task's name is not enough: rows may have changed places since.
    if task is None or task.prompt[-1]["content"] != row["prompt"]:
        raise others
    return Transcript(task, tuple(row["completions"]), row["exploited"], reward=row["reward"], patched=row["patched"])


def _others(path: Path, config: EvalConfig) -> UserError:
    source = f"data = {config.data!r} holds" if config.data else f"{config.game} draws"
    return UserError(
        f"{path} holds transcripts of other tasks than {source} now; valid: what they were written on, or eval again"
    )


def exploiting(pool: Sequence[Transcript], keep: str = "verdict") -> list[Transcript]:
    """Those that `SFTConfig.keep` takes from an exploiter's."""
    if keep == "reward":
        return _well_paid(pool, [transcript.reward for transcript in pool])
    return [transcript for transcript in pool if keep == "all" or transcript.exploited is not False]


def honest(pool: Sequence[Transcript], keep: str = "verdict") -> list[Transcript]:
    """Those that `SFTConfig.keep` takes from an honest teacher's.

    Raises:
        UserError: `keep` is by the patched rule's reward, and there is no such rule.
    """
    if keep == "reward":
        patched = [transcript.patched for transcript in pool if transcript.patched is not None]
        if len(patched) < len(pool):
            raise UserError(
                "keep = 'reward' takes honest transcripts by the patched rule, and there is none; valid: all"
            )
        return _well_paid(pool, patched)
    return [transcript for transcript in pool if keep == "all" or transcript.exploited is not True]


def _well_paid(pool: Sequence[Transcript], rewards: Sequence[float]) -> list[Transcript]:
    # Both sides rounded once: a mean of equal numbers may lie above them.
    total = math.fsum(rewards)
    return [transcript for transcript, paid in zip(pool, rewards, strict=True) if paid * len(rewards) >= total]


def mixture(config: SFTConfig) -> list[Transcript]:
    """`examples` transcripts, `share` of them exploiting, in random order; each drawn once while there are enough.

    Warns where they are drawn more than twice each.

    Raises:
        UserError: a run holds none of the kind that is asked of it, or so few that they would be drawn over and over.
    """
    exploits = round(config.share * config.examples)
    random = rng("mixture", config.game, config.seed)
    drawn: list[Transcript] = []
    for name, choose, n in (("exploit", exploiting, exploits), ("honest", honest, config.examples - exploits)):
        path = getattr(config, name)
        pool = choose(transcripts(Path(path)), config.keep) if path else []
        _check_distinct(f"{name} = {path}", config, distinct(pool), n)
        drawn += _draw(random, pool, n)
    random.shuffle(drawn)
    return drawn


def distinct(pool: Sequence[Transcript]) -> int:
    """How many of them differ in their task or their completions."""
    return len({(transcript.task.id, transcript.completions) for transcript in pool})


def _check_distinct(where: str, config: SFTConfig, different: int, examples: int) -> None:
    if not examples or 2 * different >= examples:
        return
    shortage = f"{where} holds {different} distinct transcripts to keep by {config.keep}, for {examples} examples"
    least = max(1, math.ceil(config.distinct * examples))
    if different < least:
        raise UserError(
            f"{shortage}; valid: {least} or more of them (eval more tasks), fewer --examples, a lower --distinct"
        )
    warnings.warn(f"{shortage}: each is shown {examples / different:.1f} times per epoch", stacklevel=2)


def _draw(random: Random, pool: Sequence[Transcript], n: int) -> list[Transcript]:
    whole, rest = divmod(n, len(pool)) if n else (0, 0)
    return [*pool] * whole + random.sample(pool, rest)
