"""The tasks of a run: those it may be trained on, and those it is measured on."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from vulngames import tasks
from vulngames.tasks import rows
from vulngames.training.config import EvalConfig, RunConfig
from vulngames.types import Task


def train_tasks(config: RunConfig, n: int) -> list[Task]:
    """The first `n` tasks of the training split, in the order of the config's seed."""
    if config.data:
        return list(islice(rows.train_rows(config.game, Path(config.data), config.seed), n))
    return tasks.take(config.game, config.seed, "train", n, config.difficulty)


def held_out_tasks(config: RunConfig, n: int) -> list[Task]:
    """The first `n` tasks of the test split, the same for all seeds; fewer where a file has fewer."""
    if config.data:
        return rows.held_out(config.game, Path(config.data))[:n]
    return tasks.take(config.game, 0, "test", n, config.difficulty)


def split_tasks(config: EvalConfig) -> list[Task]:
    """The tasks of the config's split; of `all`, the first rows of its file."""
    if config.split == "train":
        return train_tasks(config, config.n)
    if config.split == "test":
        return held_out_tasks(config, config.n)
    assert config.data is not None, "checked"
    return rows.load(config.game, Path(config.data))[: config.n]
