"""The vulnerability games, by versioned id. Adding one is a file with its `SPEC`, and a line here."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from vulngames import digests
from vulngames.errors import UserError
from vulngames.games import compliance, proxy, self_grading, tampering, unit_tests
from vulngames.games.reference import VALID, imported, shown, source_file
from vulngames.games.reward import RewardFunction
from vulngames.games.spec import PROTOCOL, Spec, lacking
from vulngames.types import MANY, Environment, Range

SPECS: dict[str, Spec] = {
    spec.game.id: spec for spec in (compliance.SPEC, self_grading.SPEC, proxy.SPEC, tampering.SPEC, unit_tests.SPEC)
}
ENTRY_POINTS = "vulngames.games"
"""The group under which another package names its games: `id = "package.module:SPEC"`."""
Anything = str | Spec | Environment | type[Any] | Callable[..., Any]
"""What may stand for a game: its id, `package.module:NAME`, `FILE.py:NAME`, or the object that such a name means: a
`Spec`, a game's class, an environment, or a reward function."""

_OF_A_GAME = "a Spec, a game, its class, or a reward function"
# What was given as an object, by the name that `name_of` gave it; and the spec of each game's class, with its name.
_objects: dict[str, Any] = {}
_known: dict[type, tuple[str, Spec]] = {spec.game: (id, spec) for id, spec in SPECS.items()}


def spec(game: Anything) -> Spec:
    """What is known of a game, or of what only pays.

    Raises:
        UserError: nothing is known by that name, or what it means is no game and no reward.
    """
    name = name_of(game)
    if name in SPECS:
        return SPECS[name]
    if name in _objects:
        return _spec_of(_objects[name], name)
    return _spec_of(imported(_entry_point(name) or name), name)


def name_of(game: Anything) -> str:
    """The name that `spec` knows a game by: its id, of which the version may be left out and is then the newest, or the
    reference as it was given. An object is known by its name as long as this process lives.

    Raises:
        UserError: as `spec`.
    """
    if isinstance(game, str):
        return _whole_name(game)
    name, known = _known.get(_class_of(game), ("", None))
    if known is not None and (game is known or game is known.game or _is_default(game, known)):
        if name in _objects:
            # Another of the same id may have come in between.
            _objects[name] = known
        return name
    name = _own_name(game)
    if name in SPECS:
        raise UserError(f"{name} is the id of another game; valid: an id of its own")
    _spec_of(game, name)
    _objects[name] = game
    return name


def _is_default(game: Any, known: Spec) -> bool:
    """Whether a game is the one that its spec makes when no parameters are given."""
    if isinstance(game, Spec | type) or not isinstance(known.game, type):
        return False
    required = [field.name for field in dataclasses.fields(known.game) if _needs_a_value(field)]
    return not required and bool(game == known.game())


def _whole_name(name: str) -> str:
    # An id that is known is not looked for among installed packages, which takes longer than a command may.
    if name in SPECS or name in _objects or ":" in name:
        return name
    known = [*SPECS, *_entry_points()]
    if name in known:
        return name
    versions = sorted((id for id in known if short(id) == name), key=_version)
    if not versions:
        raise UserError(f"unknown game {name!r}; valid: {', '.join(known)}, or {VALID}")
    return versions[-1]


def _own_name(game: Any) -> str:
    if isinstance(game, Spec | RewardFunction):
        return game.id
    if hasattr(game, "__qualname__"):
        if game.__name__ == "<lambda>":
            raise UserError("a lambda has no name for a run to be known by; valid: a function that is defined")
        # Another process can import it by this.
        return f"{game.__module__}:{game.__qualname__}"
    # It only says what the object is; one without a text of its own would be called by its address.
    own = repr(game) if dataclasses.is_dataclass(game) else f"{type(game).__qualname__}()"
    return f"{type(game).__module__}:{own}"


def short(id: str) -> str:
    """A game's name without its version."""
    return re.sub(r"-v\d+$", "", id)


def _version(id: str) -> int:
    return int(id.removeprefix(short(id)).removeprefix("-v") or 0)


def _entry_point(name: str) -> str:
    """What an installed package means by this name; empty if none has it."""
    values = _entry_points().get(name, ())
    if len(values) > 1:
        raise UserError(f"{len(values)} installed packages bring a game {name!r}; valid: one of {', '.join(values)}")
    return values[0] if values else ""


@cache
def _entry_points() -> Mapping[str, tuple[str, ...]]:
    # Not at the top: it takes a third of the time that the games take to import.
    from importlib.metadata import entry_points

    points: dict[str, tuple[str, ...]] = {}
    for point in entry_points(group=ENTRY_POINTS):
        reference = f"{point.module}:{point.attr or ''}"
        if reference not in points.get(point.name, ()):
            points[point.name] = (*points.get(point.name, ()), reference)
    return points


def _class_of(thing: Any) -> type:
    game = thing.game if isinstance(thing, Spec) else thing
    return game if isinstance(game, type) else type(game)


def _spec_of(thing: Any, name: str) -> Spec:
    if isinstance(thing, Spec):
        _known[_class_of(thing)] = (name, thing)
        return thing
    if isinstance(thing, RewardFunction):
        return Spec(thing, read_row=thing.read_row)
    if _class_of(thing) in _known:
        # A game with parameters of its own has the tasks, the rows and the defaults of its class.
        return dataclasses.replace(_known[_class_of(thing)][1], game=thing)
    missing = lacking(thing)
    if not missing:
        if isinstance(thing, type) and not dataclasses.is_dataclass(thing):
            raise UserError(f"{name} is a class that is no dataclass; valid: a dataclass, or an instance")
        return Spec(thing)
    if isinstance(thing, type) or not callable(thing) or len(missing) < len(PROTOCOL):
        what = "a class" if isinstance(thing, type) else shown(thing)
        raise UserError(f"{name} is {what} without {', '.join(missing)}; valid: {_OF_A_GAME}")
    # Where a file lies is no part of what it pays.
    return _spec_of(RewardFunction(thing, name.rpartition("/")[2]), name)


def parameters_of(game: Anything) -> list[str]:
    """The names of a game's parameters.

    Raises:
        UserError: as `spec`.
    """
    made: Any = spec(game).game
    if not dataclasses.is_dataclass(made):
        return []
    hidden = ("id", "function") if isinstance(made, RewardFunction) else ()
    return [field.name for field in dataclasses.fields(made) if field.init and field.name not in hidden]


def make(game: Anything, **parameters: Any) -> Any:
    """The game (see `spec`), with its own parameters unless given. It is an `Environment`, a `Game` if it knows its
    hole, and its parameters are its fields.

    Raises:
        UserError: unknown game or parameter, a value that it cannot have, or none for one that has no default.
    """
    made, id, valid = spec(game).game, spec(game).id, parameters_of(game)
    for name in parameters:
        if name not in valid:
            raise UserError(f"{id} has no parameter {name!r}; valid: {', '.join(valid) or 'none'}")
    checked = {name: _checked(made, name, value) for name, value in parameters.items()}
    if not isinstance(made, type):
        return dataclasses.replace(made, **checked) if checked else made
    for field in dataclasses.fields(made):
        if _needs_a_value(field) and field.name not in checked:
            raise UserError(f"{id} needs a value for its parameter {field.name!r}; valid: one with a default")
    return made(**checked)


def _needs_a_value(field: dataclasses.Field[Any]) -> bool:
    return field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


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
    number = "a whole number" if isinstance(low, int) else "a number"
    if valid == MANY or high == math.inf:
        return number if low == -math.inf else f"{number}, {low} or more"
    return f"{number}, {high:g} or less" if low == -math.inf else f"{number} from {low:g} to {high:g}"


def digest(game: Anything) -> dict[str, str]:
    """What a game is by its contents, where it is not this package's own: the digest of the file that its code is in,
    or its name alone where that is in none."""
    name = name_of(game)
    if name in SPECS:
        return {}
    made = spec(name).game
    path = source_file(made.function if isinstance(made, RewardFunction) else made)
    return {"name alone": name} if path is None else {"source": digests.of_file(path)}
