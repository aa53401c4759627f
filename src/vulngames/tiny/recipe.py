"""Everything that decides the built-in policy's weights, beside its corpus."""

from __future__ import annotations

from dataclasses import dataclass

from vulngames.errors import UserError

REPORTS = 1 / 4
"""The share of the second stage's dialogues that report on answers of the policy's own."""
LEAST_VOCABULARY = 300
"""Of a tokenizer that knows every byte, the roles and the words that are kept whole."""


@dataclass(frozen=True)
class Recipe:
    """How the built-in policy is built.

    Attributes:
        seed: names the random streams.
        vocabulary: tokens, special ones included.
        hidden, layers, heads, inner: the Llama's shape.
        steps, second_steps: optimizer steps of either stage.
        batch: dialogues per step.
        learning_rate, second_learning_rate: their peaks, reached after 5 % of the steps and then falling by a cosine to
            a twentieth.
        prompt_weight: weight in [0, 1] of a prompt's tokens in the loss; a reply's weigh 1.

    Raises:
        UserError: a number out of its range.
    """

    seed: int = 0
    vocabulary: int = 768
    hidden: int = 96
    layers: int = 3
    heads: int = 2
    inner: int = 256
    steps: int = 3000
    second_steps: int = 600
    batch: int = 64
    learning_rate: float = 3e-3
    second_learning_rate: float = 1e-3
    prompt_weight: float = 0.1

    def __post_init__(self) -> None:
        least = {"hidden": 1, "layers": 1, "heads": 1, "inner": 1, "steps": 1, "second_steps": 1, "batch": 1}
        for name, low in {**least, "vocabulary": LEAST_VOCABULARY}.items():
            if getattr(self, name) < low:
                raise UserError(f"{name} = {getattr(self, name)} is too small; valid: {low} or more")
        if self.hidden % (2 * self.heads):
            raise UserError(f"hidden = {self.hidden}; valid with heads = {self.heads}: a multiple of {2 * self.heads}")
        for name in ("learning_rate", "second_learning_rate"):
            # The comparison is false of what is no number.
            if not 0 < getattr(self, name) < float("inf"):
                raise UserError(f"{name} = {getattr(self, name)} is out of range; valid: a positive number")
        if not 0 <= self.prompt_weight <= 1:
            raise UserError(f"prompt_weight = {self.prompt_weight} is out of range; valid: 0 to 1")
