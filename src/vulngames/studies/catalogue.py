"""The studies: their names, questions and games. Light: help and page titles read it, and no study is imported."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal

from vulngames.errors import choose

Part = Literal["key", "run", "claims", "chapter"]


@dataclass(frozen=True)
class Entry:
    """One study.

    Attributes:
        question: in a sentence.
        only: its one game; empty if it takes any.
        seeds: training seeds per arm at small scale, unless others are asked for.
    """

    name: str
    question: str
    only: str = ""
    seeds: int = 3

    def part(self, part: Part) -> ModuleType:
        """One of the modules in the study's folder."""
        return import_module(f"vulngames.studies.{self.name.replace('-', '_')}.{part}")


# Those first that others build on: what one has trained, the others find.
CATALOGUE: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry("emergence", "Is the exploit learned under the flaw, and not under its patch?", seeds=5),
        Entry("base-rate", "How much of an exploit must a policy know for training to open it?"),
        Entry("correction", "Is an exploit harder to train out if it came from RL, and does it come back?"),
        Entry("distillation", "Does an exploit pass to a student through transcripts?"),
        Entry("catalysis", "Does a first exploit open a second one earlier, or wider?"),
        Entry("scale", "Do larger policies learn more of an exploit?"),
        Entry("audit-rate", "How often must reports be audited, and does announcing audits help?", "self-grading-v1"),
        Entry("transfer", "Does an exploit show in the other games, without training there?"),
        Entry("perfect-reward", "Does an exploit grow when it is not paid?"),
    )
}
ALL = "all"
"""Stands for every study, where a study may be named."""


def entry_of(name: str) -> Entry:
    """The study called `name`.

    Raises:
        UserError: there is none.
    """
    return choose("study", name, CATALOGUE)
