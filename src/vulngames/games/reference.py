"""A name for an object in somebody else's code: `package.module:NAME`, or `FILE.py:NAME`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from vulngames import digests
from vulngames.errors import UserError

# Characters of what somebody else's code says.
_LONGEST = 200
_SHORT = 60
VALID = "package.module:NAME or FILE.py:NAME"


def imported(reference: str) -> Any:
    """The object that a reference means. What its module prints goes to standard error, and results stay apart.

    Raises:
        UserError: no such module, file or name, or the module cannot be imported.
    """
    where, _, name = reference.rpartition(":")
    if not where or not name:
        raise UserError(f"{reference!r} names no object; valid: {VALID}")
    with _imports(where):
        thing: Any = _file(where) if where.endswith(".py") else _module(where)
    for part in name.split("."):
        if not hasattr(thing, part):
            raise UserError(f"{reference}: {where} has no {name}; valid: a name that it defines")
        thing = getattr(thing, part)
    return thing


@contextmanager
def _imports(where: str) -> Iterator[None]:
    """Whatever somebody else's module raises is theirs to mend, and is told in one line."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as problem:
        last = traceback.extract_tb(problem.__traceback__)[-1]
        place = "" if isinstance(problem, SyntaxError) else f" at {last.filename}, line {last.lineno}"
        raise UserError(f"{where} cannot be imported, it raises {told(problem)}{place}") from problem


def told(problem: BaseException) -> str:
    """What somebody else's code raised, in one line."""
    return f"{type(problem).__name__}: {_line(problem, str, _LONGEST)}".removesuffix(": ")


def shown(thing: object) -> str:
    """What somebody else's object is, in one short line."""
    return _line(thing, repr, _SHORT) or f"an object of {type(thing).__name__}"


def _line(thing: object, text_of: Callable[[object], str], longest: int) -> str:
    # A text of its own is somebody else's code, too.
    with suppress(Exception):
        return " ".join(text_of(thing).split())[:longest]
    return ""


def _module(name: str) -> ModuleType:
    # As `python -m` does it, so that a module beside the user is found.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{name}.".startswith(f"{problem.name}."):
            raise
        raise UserError(f"there is no module {name!r} to import; valid: {VALID}") from None
    except (ValueError, TypeError):
        if all(part.isidentifier() for part in name.split(".")):
            raise
        raise UserError(f"{name!r} is no name of a module; valid: {VALID}") from None


def _file(name: str) -> ModuleType:
    path = Path(name).expanduser()
    if not path.is_file():
        raise UserError(f"there is no file {name}; valid: {VALID}")
    return _loaded(path.resolve())


@cache
def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_{path.stem}_{digests.of_json(str(path))[:8]}", path)
    assert isinstance(spec, ModuleSpec) and spec.loader is not None, "it is a .py file"
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickle look their module up by its name, and a script finds what lies beside it.
    sys.modules[spec.name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def source_file(thing: Any) -> Path | None:
    """The file in which an object's code is written; None if it is in none (a notebook, a C extension)."""
    code = inspect.unwrap(thing) if callable(thing) else thing
    try:
        path = inspect.getsourcefile(code if hasattr(code, "__qualname__") else type(code))
    except TypeError:
        return None
    return Path(path) if path is not None and Path(path).is_file() else None
