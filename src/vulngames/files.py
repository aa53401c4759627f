"""Writing a file where a user asked for it: whole or not at all, and never over what is no file."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from vulngames.errors import UserError


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for bytes. A file is replaced when the block has ended well, and else stays as it was; its mode
    stays. A symbolic link is followed; what is no plain file (a pipe, a device) is written into, as is the file that
    standard output or standard error is.

    Raises:
        UserError: nothing can be written there.
        OSError: the disk takes no more.
    """
    there = _stat(path)
    if there is not None and stat.S_ISDIR(there.st_mode):
        raise UserError(f"cannot write {path}: it is a directory; valid: a file")
    if there is not None and (stream := _stream(there)) is not None:
        # Opened again it would begin at its start, over what was printed already.
        with os.fdopen(os.dup(stream), "wb") as file:
            yield file
    elif there is not None and not stat.S_ISREG(there.st_mode):
        with _opened(path, path, "wb") as file:
            yield file
    else:
        with _replacing(Path(os.path.realpath(path)), there) as file:
            yield file


def is_stream(path: Path) -> bool:
    """Whether `path` is what standard output or standard error goes to."""
    there = _stat(path)
    return there is not None and _stream(there) is not None


def write_text(path: Path, text: str) -> None:
    """Write a text as `writing` does. Half a surrogate pair is written as its escape."""
    with writing(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write an object, indented, as `writing` does."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise UserError(f"cannot write {path}: {problem.strerror}") from problem


def _stream(there: os.stat_result) -> int | None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # it may be closed, or no file at all
            stream.flush()
            if os.path.samestat(os.fstat(stream.fileno()), there):
                return stream.fileno()
    return None


@contextmanager
def _replacing(path: Path, there: os.stat_result | None) -> Iterator[BinaryIO]:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with suppress(OSError):
        part.unlink()
    try:
        # Never through a link that somebody else has put there.
        with _opened(part, path, "xb") as file:
            if there is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(there.st_mode))
            yield file
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _opened(file: Path, path: Path, mode: str) -> BinaryIO:
    try:
        return cast(BinaryIO, file.open(mode))
    except OSError as problem:
        raise UserError(f"cannot write {path}: {problem.strerror}") from problem
