"""Files in memory, by which bytes go to a child and come back."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


@contextlib.contextmanager
def memfd() -> Iterator[int]:
    """An empty file."""
    fd = os.memfd_create("sandbox", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def sealed(text: str) -> Iterator[int]:
    """A file of `text` that nobody can change any more, at offset 0."""
    # A lone surrogate in a model's text must fail the model's code, not our encoder.
    data = text.encode("utf-8", "surrogatepass")
    with memfd() as fd:
        written = 0
        while written < len(data):
            written += os.pwrite(fd, data[written:], written)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        yield fd


def head(fd: int, size: int) -> bytes:
    """Return at most the first `size` bytes."""
    return os.pread(fd, size, 0)


def tail(fd: int, size: int) -> bytes:
    """Return at most the last `size` bytes."""
    return os.pread(fd, size, max(0, os.fstat(fd).st_size - size))
