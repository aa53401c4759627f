"""How a policy writes. Apart from the policies themselves so that `--help` need not import them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vulngames.errors import UserError

COLDEST = 1e-5
"""The lowest temperature that is sampled at: logits divided by less leave the range of a float32."""


@dataclass(frozen=True)
class Sampling:
    """How a policy writes.

    Raises:
        UserError: a number out of its range.
    """

    temperature: float = 1.0
    """Of sampling; 1 is the policy's own distribution, and 0 takes the most likely token."""
    top_p: float = 1.0
    """Sample from the smallest set of tokens with this much probability: above 0, up to 1."""
    top_k: int = 0
    """Sample from this many tokens at most; 0 or -1 for all."""
    max_tokens: int = 512
    """The longest reply where a game does not say, in tokens."""

    def __post_init__(self) -> None:
        ranges = {
            "temperature": (0 <= self.temperature < math.inf, "0 (greedy) or a positive number"),
            "top_p": (0 < self.top_p <= 1, "above 0, up to 1"),
            "top_k": (self.top_k >= -1, "1 or more, or 0 for all tokens"),
            "max_tokens": (self.max_tokens >= 1, "1 or more"),
        }
        for name, (holds, valid) in ranges.items():
            if not holds:
                raise UserError(f"{name} = {getattr(self, name)} is out of range; valid: {valid}")
        if self.top_k == -1:
            # As vLLM has it of all tokens.
            object.__setattr__(self, "top_k", 0)

    @property
    def greedy(self) -> bool:
        """Whether the most likely token is taken instead of sampling."""
        return self.temperature < COLDEST
