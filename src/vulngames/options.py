"""Options that may be left out, and what `--help` says of them. Imports nothing, so that `--help` is fast."""

from dataclasses import field
from typing import Any

UNSET = "unset"
"""In the metadata of a field whose default is None or empty: what holds then, in words."""


def optional(meaning: str) -> Any:
    """A field that is None if it is left out; `meaning` says what holds then."""
    return field(default=None, metadata={UNSET: meaning})
