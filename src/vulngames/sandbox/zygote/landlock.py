"""Landlock: which files a process can open, whatever the permissions say."""

import ctypes
import os
from collections.abc import Iterable

from .kernel import numbered

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
# What each version of the interface can handle: rights on files, on TCP, and scopes (abstract sockets, signals).
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_TCP, _TCP_VERSION = 0b11, 4
_SCOPES, _SCOPES_VERSION = 0b11, 6


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the version of the kernel's interface, 1 or more; OSError if it has none."""
    return numbered("landlock_create_ruleset", _CREATE_RULESET, None, 0, 1)


def restrict(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Leave this process, for good, only what is beneath `readable`, and the files `writable`.

    Where the kernel can: no TCP, and no abstract socket or signal to anything that is not restricted alike.
    """
    known = version()
    words = [(1 << _FILE_RIGHTS[min(known, max(_FILE_RIGHTS))]) - 1]
    if known >= _TCP_VERSION:
        words.append(_TCP)
    if known >= _SCOPES_VERSION:
        words.append(_SCOPES)
    handled = (ctypes.c_uint64 * len(words))(*words)
    ruleset = numbered("landlock_create_ruleset", _CREATE_RULESET, handled, ctypes.sizeof(handled), 0)
    for path in readable:
        _allow(ruleset, path, _READ_FILE)
    for path in writable:
        _allow(ruleset, path, _READ_FILE | _WRITE_FILE)
    numbered("landlock_restrict_self", _RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = _PathBeneath(rights | (_READ_DIR if os.path.isdir(path) else 0), beneath)
    numbered("landlock_add_rule", _ADD_RULE, ruleset, 1, ctypes.byref(rule), 0)
    os.close(beneath)
