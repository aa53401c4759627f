"""A name for an object in somebody else's code: `package.module:NAME`, or `FILE.py:NAME`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from vulngames.errors import UserError

VALID = "package.module:NAME or FILE.py:NAME"


def imported(reference: str) -> Any:
    """The object that a reference means.

    Raises:
        UserError: no such module, file or name. What a module raises while it is imported is its own.
    """
    where, _, name = reference.rpartition(":")
    if not where or not name:
        raise UserError(f"{reference!r} names no object; valid: {VALID}")
    found: Any = _file(where) if where.endswith(".py") else _module(where)
    for part in name.split("."):
        if not hasattr(found, part):
            raise UserError(f"{reference}: {where} has no {name}; valid: a name that it defines")
        found = getattr(found, part)
    return found


def _module(name: str) -> ModuleType:
    # As `python -m` does it, so that a module beside the user is found.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name and (name == problem.name or name.startswith(f"{problem.name}.")):
            raise UserError(f"there is no module {name!r} to import; valid: {VALID}") from None
        raise
    except ValueError:
        raise UserError(f"{name!r} is no name of a module; valid: {VALID}") from None


def _file(name: str) -> ModuleType:
    path = Path(name).expanduser()
    if not path.is_file():
        raise UserError(f"there is no file {name}; valid: {VALID}")
    return _loaded(path.resolve())


@cache
def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_vulngames_{path.stem}", path)
    assert isinstance(spec, ModuleSpec) and spec.loader is not None, "it is a .py file"
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickle look their module up by its name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def source_file(thing: Any) -> Path | None:
    """The file in which an object's code is written; None if it is in none (a notebook, a C extension)."""
    try:
        path = inspect.getsourcefile(thing if callable(thing) else type(thing))
    except TypeError:
        return None
    return Path(path) if path is not None and Path(path).is_file() else None
