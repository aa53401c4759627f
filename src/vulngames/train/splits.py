"""The tasks of a run: those it may be trained on, and those it is measured on."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from vulngames import tasks
from vulngames.tasks import rows
from vulngames.train.config import RunConfig
from vulngames.types import Task


def train_tasks(config: RunConfig, n: int) -> list[Task]:
    """The first `n` tasks of the training split, in the order of the config's seed."""
    if config.data:
        return list(islice(rows.train_rows(config.game, Path(config.data), config.seed), n))
    return tasks.take(config.game, config.seed, "train", n, config.difficulty)


def eval_tasks(config: RunConfig) -> list[Task]:
    """The tasks of every evaluation, the same for all seeds."""
    if config.data:
        return rows.held_out(config.game, Path(config.data))[: config.eval_tasks]
    return tasks.take(config.game, 0, "test", config.eval_tasks, config.difficulty)
