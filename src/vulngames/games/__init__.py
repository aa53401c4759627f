"""The vulnerability games, by versioned id. Adding one: a class in its own file, a line here, a task generator."""

from __future__ import annotations

import dataclasses
from typing import Any

from vulngames.errors import UserError, choose
from vulngames.games.compliance import Compliance
from vulngames.games.proxy import Proxy
from vulngames.games.self_grading import SelfGrading
from vulngames.games.tampering import Tampering
from vulngames.types import Game

GAMES: dict[str, type[Any]] = {game.id: game for game in (Compliance, SelfGrading, Proxy, Tampering)}


def make(id: str, **parameters: Any) -> Game[Any]:
    """The game called `id` (the version may be left out), with the paper's parameters unless given.

    Raises:
        UserError: unknown game or parameter.
    """
    cls = choose("game", id if id in GAMES else f"{id}-v1" if f"{id}-v1" in GAMES else id, GAMES)
    valid = [field.name for field in dataclasses.fields(cls)]
    for name in parameters:
        if name not in valid:
            raise UserError(f"{cls.id} has no parameter {name!r}; valid: {', '.join(valid)}")
    made = cls()
    for name, value in parameters.items():
        plain = isinstance(getattr(made, name), bool | int | float | None)
        if isinstance(value, bool | int | float) and (not plain or name == "sandbox"):
            raise UserError(f"{name} of {cls.id} cannot be set to {value!r}: it is not a number")
    return cls(**parameters)
