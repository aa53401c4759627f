"""What can go wrong, by whose fault. Anything else that escapes is a bug of ours and crashes."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TypeVar

T = TypeVar("T")


class VulngamesError(Exception):
    """Every error this package raises on purpose."""


class UserError(VulngamesError):
    """A user's mistake. The message is one line: the thing, its value, and what would be valid."""


class Unscored(VulngamesError):
    """A reward could not be computed; the sample keeps the reason and its reward is `None`, never 0.0."""


def choose(kind: str, name: str, table: Mapping[str, T]) -> T:
    """Look `name` up in `table`.

    Raises:
        UserError: naming the kind, the value and every valid name.
    """
    if name not in table:
        raise UserError(f"unknown {kind} {name!r}; valid: {', '.join(table)}")
    return table[name]


def need(package: str, extra: str) -> None:
    """Say that an optional package is missing before anything is begun that needs it.

    Raises:
        UserError: `package` is not installed; it names the extra that brings it.
    """
    if find_spec(package) is None:
        raise without(f"this needs {package}", extra)


def without(said: str, extra: str) -> UserError:
    """The error that says what is missing, and how to install the extra that brings it."""
    # By a path: the package is on no index, so its name alone would not be found there, or be somebody else's.
    return UserError(f"{said}, which an extra brings; in a checkout of vulngames: pip install '.[{extra}]'")
