"""How a policy writes. Apart from the policies themselves so that `--help` need not import them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """How a policy writes."""

    temperature: float = 1.0
    """Of sampling; 1 is the policy's own distribution."""
    top_p: float = 1.0
    """Sample from the smallest set of tokens with this much probability."""
    top_k: int = 0
    """Sample from this many tokens at most; 0 for all."""
    max_tokens: int = 512
    """The longest reply where a game does not say, in tokens."""
