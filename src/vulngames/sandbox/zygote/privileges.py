"""What a process may do by who it is: user, groups, capabilities."""

import contextlib
import ctypes
import os

from .kernel import CAPBSET_DROP, call, prctl

_NOBODY = 65534
_SETGID, _SETUID, SYS_ADMIN = 6, 7, 21
_HEADER = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, of this process


def effective() -> int:
    """Return the set of capabilities this process has, one bit each."""
    words = (ctypes.c_uint32 * 6)()
    call("capget", _HEADER, words)
    return words[0] | words[3] << 32


def holds(*capabilities: int) -> bool:
    """Whether this process has all of these capabilities."""
    bits = effective()
    return all(bits >> capability & 1 for capability in capabilities)


def is_root() -> bool:
    """Whether this process can become another user."""
    return os.geteuid() == 0 and holds(_SETUID, _SETGID)


def drop_user() -> None:
    """Become nobody, for good; needs `is_root`."""
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)


def give_up() -> bool:
    """Give up every capability for good, and root's user id; return whether it had that."""
    root = is_root()
    _drop_bounding_set()
    if root:
        drop_user()
    call("capset", _HEADER, (ctypes.c_uint32 * 6)())
    if effective():
        raise OSError("capset left capabilities behind")
    return root


def _drop_bounding_set() -> None:
    # Without the right to do so there is nothing that could be gained again.
    with contextlib.suppress(OSError):
        for capability in range(64):
            prctl(CAPBSET_DROP, capability)


def anyone_can_reach(path: str) -> bool:
    """Whether nobody in particular may read this folder, whose path starts at the root."""
    if os.stat(path).st_mode & 0o005 != 0o005:
        return False
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & 0o001:
            return False
    return True
