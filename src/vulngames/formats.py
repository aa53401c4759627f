"""The format of the files that this package writes, so that another version of it reads them rightly or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from vulngames.errors import UserError

FORMAT = 2
"""Stands in every file as `format`. Raise it when a reader of the older one would misread the newer."""
RECIPE = 2
"""Stands in run.json as `recipe`, and in the hash by which a store knows a run. Raise it when a change may move the
numbers of a run whose config stays as it is; the golden runs (`make golden`) show whether one did."""
T = TypeVar("T")


def check(content: Mapping[str, Any], where: Path | str) -> None:
    """Whether this version may read the file that holds `content`; one without a format is from before there were any,
    and is read as far as it can be.

    Raises:
        UserError: it was written by a newer version.
    """
    format = content.get("format", 0)
    if not isinstance(format, int) or format > FORMAT:
        raise UserError(f"{where} has format {format!r}; valid: {FORMAT} or less, or a newer vulngames")


def read_as(kind: type[T], value: Any, where: Path | str, again: str) -> T:
    """A value from JSON as what it was written from: numbers, names and lists are checked.

    Args:
        again: what puts a damaged file right, for the message.

    Raises:
        UserError: it is damaged; the place in it is named.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as problem:
        raise UserError(f"{where} is damaged: {problem}; {again}") from None
