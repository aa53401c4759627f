"""The one source of randomness: a seed is the hash of names, never `seed + i`."""

import hashlib
import random

Name = str | int


def seed(*names: Name) -> int:
    """A 63-bit seed for the stream called by `names`.

    The names are joined with their types, so `seed("a", 1)` and `seed("a", "1")` differ, and no two
    lists of names meet by arithmetic.
    """
    joined = "\x1f".join(f"{type(name).__name__}:{name}" for name in names)
    return int.from_bytes(hashlib.blake2b(joined.encode(), digest_size=8).digest(), "big") >> 1


def rng(*names: Name) -> random.Random:
    """A generator for the stream called by `names`."""
    return random.Random(seed(*names))


def coin(*names: Name) -> float:
    """One uniform draw in [0, 1) that belongs to `names` alone."""
    return seed(*names) / 2**63
