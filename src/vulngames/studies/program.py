"""What a study does: stages of jobs, each what the next one builds on, and a table of conditions at the end."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic

from typing_extensions import TypeVar

from vulngames.arm import Arm
from vulngames.studies.job import Job

T = TypeVar("T")
K = TypeVar("K", default=Any)
F = TypeVar("F", default=Any)
Stages = Generator[Sequence[Job], None, T]
"""Yields stages of jobs, and returns what comes of them."""


@dataclass(frozen=True)
class Result(Generic[K, F]):
    """A study's conditions, each with one job per seed in the order of the seeds, and what it found beyond them."""

    conditions: Mapping[K, Sequence[Job]]
    findings: F


Program = Stages[Result]
"""A whole study."""


def all_jobs(*conditions: Mapping[Any, Iterable[Job]]) -> list[Job]:
    """The jobs of every condition, in order."""
    return list(chain.from_iterable(chain.from_iterable(each.values()) for each in conditions))


def arm_of(game: str, jobs: Sequence[Job], name: str = "") -> Arm:
    """The runs of jobs, pooled."""
    return Arm(game, name, tuple(job.path for job in jobs))
