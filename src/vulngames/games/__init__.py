"""The vulnerability games, by versioned id. Adding one is a file with its `SPEC`, and a line here."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from vulngames import digests
from vulngames.errors import UserError
from vulngames.games import compliance, proxy, self_grading, tampering
from vulngames.games.reference import VALID, imported, source_file
from vulngames.games.reward import RewardFunction, read_row
from vulngames.games.spec import Spec
from vulngames.types import MANY, Environment, Range

SPECS: dict[str, Spec] = {
    spec.game.id: spec for spec in (compliance.SPEC, self_grading.SPEC, proxy.SPEC, tampering.SPEC)
}
ENTRY_POINTS = "vulngames.games"
"""The group under which another package names its games: `id = "package.module:SPEC"`."""
_objects: dict[str, Any] = {}
Anything = str | Spec | Environment[Any] | type[Any] | Callable[..., Any]
"""What may stand for a game: its id, `package.module:NAME`, `FILE.py:NAME`, or the object that such a name means: a
`Spec`, a game's class, an environment, or a reward function."""


def spec(game: Anything) -> Spec:
    """What is known of a game, or of what only pays.

    Raises:
        UserError: nothing is known by that name, or what it means is no game and no reward.
    """
    if not isinstance(game, str):
        return _spec_of(game, name_of(game))
    name = name_of(game)
    if name in SPECS:
        return SPECS[name]
    if name in _objects:
        return _spec_of(_objects[name], name)
    return _spec_of(imported(_entry_points().get(name, name)), name)


def name_of(game: Anything) -> str:
    """The name that `spec` knows a game by: its id, of which the version may be left out and is then the newest, or the
    reference as it was given. An object is known by its name as long as this process lives.

    Raises:
        UserError: as `spec`.
    """
    if not isinstance(game, str):
        name = _own_name(game)
        if SPECS.get(name) is not game:
            _objects[name] = game
        return name
    known = [*SPECS, *_entry_points()]
    if game in known or game in _objects or ":" in game:
        return game
    versions = sorted((id for id in known if short(id) == game), key=_version)
    if not versions:
        raise UserError(f"unknown game {game!r}; valid: {', '.join(known)}, or {VALID}")
    return versions[-1]


def _own_name(thing: Any) -> str:
    if isinstance(thing, Spec):
        return str(thing.game.id)
    # Of a class and a function another process can import it; of an instance it only says what it is.
    kind = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{kind.__module__}:{kind.__qualname__ if kind is thing else repr(thing)}"


def short(id: str) -> str:
    """A game's name without its version."""
    return re.sub(r"-v\d+$", "", id)


def _version(id: str) -> int:
    return int(id.removeprefix(short(id)).removeprefix("-v") or 0)


@cache
def _entry_points() -> Mapping[str, str]:
    return {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}


def _spec_of(thing: Any, name: str) -> Spec:
    if isinstance(thing, Spec):
        return thing
    if all(hasattr(thing, method) for method in ("id", "turn", "read", "reward")):
        return Spec(thing)
    if callable(thing):
        return Spec(RewardFunction(thing, name), read_row=read_row)
    raise UserError(f"{name} is {thing!r:.60}; valid: a Spec, a game, or a reward function")


def make(game: Anything, **parameters: Any) -> Environment[Any]:
    """The game (see `spec`), with its own parameters unless given.

    Raises:
        UserError: unknown game or parameter, or a value that it cannot have.
    """
    made = spec(game).game
    named = dataclasses.fields(made) if dataclasses.is_dataclass(made) else ()
    valid = [field.name for field in named if field.name not in ("id", "function")]
    for name in parameters:
        if name not in valid:
            raise UserError(f"{made.id} has no parameter {name!r}; valid: {', '.join(valid)}")
    checked = {name: _checked(made, name, value) for name, value in parameters.items()}
    if isinstance(made, type):
        return made(**checked)  # type: ignore[no-any-return]
    return dataclasses.replace(made, **checked) if checked else made  # type: ignore[no-any-return]


def _checked(game: Any, name: str, value: Any) -> Any:
    """The value, whole where it should be: the command line reads 40 as 40.0."""
    if not isinstance(value, bool | int | float):
        return value
    ranges: Mapping[str, Range] = getattr(game, "ranges", {})
    if name not in ranges:
        raise UserError(f"{name} of {game.id} cannot be set to {value!r}: it is not a number")
    low, high = ranges[name]
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


def digest(game: Anything) -> dict[str, str]:
    """What a game is by its contents, where it is not this package's own: the digest of the file that its code is in,
    or its name alone where that is in none."""
    name = name_of(game)
    if name in SPECS:
        return {}
    made = spec(name).game
    path = source_file(made.function if isinstance(made, RewardFunction) else made)
    return {"name alone": name} if path is None else {"source": digests.of_file(path)}
