"""One run of a program elsewhere, as bytes."""

from collections.abc import Callable
from dataclasses import dataclass

from vulngames.sandbox.limits import Limits


class LostError(Exception):
    """What runs programs is not there, failed, or gave a reply that makes no sense."""


@dataclass(frozen=True)
class Ran:
    """How a program ended: its exit status, or None if it ran out of time; and what it wrote."""

    code: int | None
    stdout: bytes
    stderr: bytes = b""


RunProgram = Callable[[str, str, Limits], Ran]
"""Runs a program on an input, within limits. Raises LostError."""
