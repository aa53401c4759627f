"""The tasks of a run: those it may be trained on, and those it is measured on."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from vulngames import tasks
from vulngames.tasks import published
from vulngames.train.config import Settled, SettledExam, SettledSFT
from vulngames.types import Task

AnySettled = Settled | SettledSFT | SettledExam


def lessons(config: AnySettled, n: int) -> list[Task]:
    """The first `n` tasks of the training split, in the order of the config's seed."""
    if config.data:
        return list(islice(published.lessons(config.game, Path(config.data), config.seed), n))
    return tasks.take(config.game, config.seed, "train", n, config.difficulty)


def held_out(config: AnySettled) -> list[Task]:
    """The tasks of every evaluation, the same for all seeds."""
    if config.data:
        return published.held_out(config.game, Path(config.data))[: config.eval_tasks]
    return tasks.take(config.game, 0, "test", config.eval_tasks, config.difficulty)
