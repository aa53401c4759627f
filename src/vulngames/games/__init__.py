"""The vulnerability games, by versioned id. Adding one: a class in its own file, a line here, a task generator."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from vulngames.errors import UserError, choose
from vulngames.games.compliance import Compliance
from vulngames.games.proxy import Proxy
from vulngames.games.self_grading import SelfGrading
from vulngames.games.tampering import Tampering
from vulngames.types import MANY, Game, Range

GAMES: dict[str, type[Any]] = {game.id: game for game in (Compliance, SelfGrading, Proxy, Tampering)}


def make(id: str, **parameters: Any) -> Game[Any]:
    """The game called `id` (the version may be left out), with the paper's parameters unless given.

    Raises:
        UserError: unknown game or parameter, or a value that it cannot have.
    """
    cls = choose("game", id if id in GAMES else f"{id}-v1" if f"{id}-v1" in GAMES else id, GAMES)
    valid = [field.name for field in dataclasses.fields(cls)]
    for name in parameters:
        if name not in valid:
            raise UserError(f"{cls.id} has no parameter {name!r}; valid: {', '.join(valid)}")
    return cls(**{name: _checked(cls, name, value) for name, value in parameters.items()})


def _checked(game: type[Any], name: str, value: Any) -> Any:
    """The value, whole where it should be: the command line reads 40 as 40.0."""
    if not isinstance(value, bool | int | float):
        return value
    if name not in game.ranges:
        raise UserError(f"{name} of {game.id} cannot be set to {value!r}: it is not a number")
    low, high = game.ranges[name]
    whole = isinstance(low, int)
    if not (math.isfinite(value) and low <= value <= high) or (whole and value != int(value)):
        raise UserError(f"{name} of {game.id} = {value!r} is out of range; valid: {_words((low, high))}")
    return int(value) if whole and not isinstance(value, bool) else value


def _words(valid: Range) -> str:
    low, high = valid
    kind = "a whole number" if isinstance(low, int) else "a number"
    if valid == MANY or high == math.inf:
        return kind if low == -math.inf else f"{kind}, {low} or more"
    return f"{kind}, {high:g} or less" if low == -math.inf else f"{kind} from {low:g} to {high:g}"
