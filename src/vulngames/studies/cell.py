"""One condition of a study: runs that differ in their seed alone, and what they measured."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vulngames.arm import Arm, ends
from vulngames.studies.job import Job


@dataclass(frozen=True)
class Cell:
    """One condition.

    Attributes:
        labels: what sets it apart from the study's other cells; `game` is what it is measured in.
        jobs: one a seed, in the order of the seeds.
    """

    labels: Mapping[str, Any]
    jobs: Sequence[Job]

    @cached_property
    def arm(self) -> Arm:
        """Its runs, pooled."""
        return Arm(self.labels["game"], str(self.labels.get("arm", "")), tuple(job.path for job in self.jobs))

    @cached_property
    def alone(self) -> list[Arm]:
        """Each of its runs by itself."""
        return self.arm.alone

    def plain(self, home: Path) -> dict[str, Any]:
        """The cell as a row of summary.json; paths are relative to `home`.

        Returns:
            the labels; seeds: how many runs the numbers are made of; `ends` over all runs; runs: their directories;
            each: the `ends` of each run by itself, in the same order.
        """
        return {
            **self.labels,
            "seeds": len(self.arm.used),
            **ends(self.arm),
            "runs": [os.path.relpath(path, home) for path in self.arm.paths],
            "each": [ends(arm) for arm in self.alone],
        }
