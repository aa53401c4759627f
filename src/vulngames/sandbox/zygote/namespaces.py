"""Namespaces: a process's own tree of files, network, processes, IPC, host name, and user ids."""

import ctypes
import os
import signal
from collections.abc import Iterable

from .kernel import DUMPABLE, PDEATHSIG, call, numbered, prctl
from .privileges import SYS_ADMIN, drop_user, holds, is_root

_NEWUSER = 0x10000000
# Mount, cgroup, UTS, IPC, pid, network.
_NEW = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 2, 4, 8, 1 << 12, 1 << 14, 1 << 18
_DETACH = 2
_MOUNT_SETATTR = 442
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV, _ATTR_NOEXEC = 1, 2, 4, 8
_RECURSIVE = 0x8000
_AT_FDCWD = -100
_SCAFFOLD = "/tmp"


def enter(visible: Iterable[str], device: str) -> bool:
    """Become the first process of new namespaces, whose files are those beneath `visible`, read-only, and `device`.

    Returns whether the user id was dropped on the way. The process that called stays behind and ends with the new one.
    OSError if the kernel refuses; this process is then in between and of no more use.
    """
    root = is_root() and holds(SYS_ADMIN)
    if root:
        call("unshare", _NEW)
    else:
        _unshare_user(_NEW)
    _build(visible, device)
    _become_init()
    _move_in()
    if root:
        drop_user()
        # The drop took from this process the right to its own /proc entries, where the mapping is written.
        prctl(DUMPABLE, 1)
        _unshare_user(0)
    # Only now: a change of user id clears it.
    prctl(PDEATHSIG, signal.SIGKILL)
    return root


def _unshare_user(more: int) -> None:
    user, group = os.geteuid(), os.getegid()
    call("unshare", _NEWUSER | more)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _build(visible: Iterable[str], device: str) -> None:
    """Mount the new tree on the scaffold."""
    # Kept open, since the scaffold may cover them.
    sources = [(path, os.open(path, os.O_PATH)) for path in (*visible, device)]
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("tmpfs", _SCAFFOLD, "tmpfs", _NOSUID | _NODEV | _NOEXEC, "size=64k,nr_inodes=256,mode=755")
    os.mkdir(f"{_SCAFFOLD}/proc")
    for path, fd in sources:
        target = _SCAFFOLD + path
        os.makedirs(target if os.path.isdir(f"/proc/self/fd/{fd}") else os.path.dirname(target), exist_ok=True)
        if path == device:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
        _mount(f"/proc/self/fd/{fd}", target, None, _BIND | _REC)
        _protect(target, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NOEXEC | (0 if path == device else _ATTR_NODEV))
        os.close(fd)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{_SCAFFOLD}/dev/{name}")
    os.symlink("/proc/self/fd", f"{_SCAFFOLD}/dev/fd")


def _become_init() -> None:
    """Go on as process 1 of the new pid namespace; with it, the kernel ends all others there."""
    pid = os.fork()
    if pid == 0:
        prctl(PDEATHSIG, signal.SIGKILL)
        return
    os.closerange(0, 256)
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _move_in() -> None:
    """Make the new tree the only one."""
    _mount("proc", f"{_SCAFFOLD}/proc", "proc", _NOSUID | _NODEV | _NOEXEC, "hidepid=2,subset=pid")
    os.chdir(_SCAFFOLD)
    call("pivot_root", b".", b".")
    call("umount2", b".", _DETACH)
    os.chdir("/")
    call("sethostname", b"sandbox", 7)
    _protect("/", _ATTR_RDONLY, flags=0)


def _mount(source: str | None, target: str, filesystem: str | None, flags: int, options: str | None = None) -> None:
    texts = [text.encode() if text is not None else None for text in (source, target, filesystem, options)]
    try:
        call("mount", *texts[:3], flags, texts[3])
    except OSError as error:
        raise OSError(
            error.errno, f"mount of {filesystem or source} on {target}: {os.strerror(error.errno or 0)}"
        ) from None


def _protect(target: str, attributes: int, flags: int = _RECURSIVE) -> None:
    """Add attributes to a mount and, unless `flags` says otherwise, to all mounts beneath it."""
    wanted = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    numbered("mount_setattr", _MOUNT_SETATTR, _AT_FDCWD, target.encode(), flags, wanted, ctypes.sizeof(wanted))
