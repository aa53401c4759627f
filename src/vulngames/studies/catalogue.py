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
        compared: with what, in a phrase.
        only: its one game; empty if it takes any.
    """

    name: str
    question: str
    compared: str
    only: str = ""

    def part(self, part: Part) -> ModuleType:
        """One of the modules in the study's folder."""
        return import_module(f"vulngames.studies.{self.name.replace('-', '_')}.{part}")


# Those first that others build on: what one has trained, the others find.
CATALOGUE: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "emergence",
            "Is the exploit learned under the flaw, and not under its patch?",
            "flawed, patched",
        ),
        Entry(
            "correction",
            "Is it harder to train out if it came from RL, and does it come back?",
            "an RL-trained and an SFT-trained exploiter matched in ER, and one that never exploited",
        ),
        Entry(
            "distillation",
            "Does it pass to a student through transcripts?",
            "1 %, 5 %, 25 %, 100 % of an exploiter's, the rest honest; a student of another size; RL afterwards",
        ),
        Entry(
            "catalysis",
            "Does a first exploit open a second one earlier, or wider?",
            "all ordered pairs; against fresh, after the patched first game, and equal total steps",
        ),
        Entry("scale", "Do larger policies learn more of it?", "three sizes built by one recipe"),
        Entry(
            "audit-rate",
            "How often must reports be audited, and does announcing audits help?",
            "audit probabilities × announcements, against the closed form; advantages normalised or only centred",
            only="self-grading-v1",
        ),
        Entry(
            "transfer",
            "Does it show in the other games, without training there?",
            "against the untrained policy, and one trained on the patched game",
        ),
        Entry("perfect-reward", "Does it grow when it is not paid?", "the patched arm against its own start"),
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
