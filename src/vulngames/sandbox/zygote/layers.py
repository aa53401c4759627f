"""The layers that confine a child, put up once in the zygote or once in each child."""

import os
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import landlock, namespaces, privileges, syscalls
from .kernel import CHILD_SUBREAPER, DUMPABLE, NO_NEW_PRIVS, prctl
from .preload import standard_library
from .seccomp import Filter

_STACK_BYTES = 64 << 20
_DEVICE = "/dev/null"
_ALWAYS = (
    "separate_interpreter",
    "answers_only",
    "empty_environment",
    "own_session",
    "rlimits",
    "wall_clock_kill",
    "no_new_privs",
    "non_dumpable",
)


@dataclass(frozen=True)
class Layers:
    """What is in force, and the filter that each child has yet to install."""

    names: tuple[str, ...]
    filter: Filter | None

    def lock_down_child(self, limits: dict[str, Any]) -> None:
        """Give up for good what the child alone must not have: the last step before submitted code runs."""
        _limit(limits)
        if self.filter:
            self.filter.install(os.getpid())


def lock_down(tier: str) -> Layers:
    """Give up for good what neither zygote nor child may have, and undo what a trainer set for itself.

    OSError if a layer of the tier is not available; this process is then in between and of no more use.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.environ.clear()
    names = list(_ALWAYS)
    dropped = tier == "T3" and namespaces.enter([standard_library()], _DEVICE)
    prctl(NO_NEW_PRIVS, 1)
    if tier == "T3":
        names.append("namespaces")
    if tier in ("T3", "T2"):
        # Before the user id goes, which may need to be what opens the standard library.
        landlock.restrict(library_entries(), [_DEVICE])
        names.append("landlock")
    if tier != "T0":
        dropped = privileges.give_up() or dropped
        names += ["seccomp", "capability_drop"]
        if dropped:
            names.append("uid_drop")
    prctl(DUMPABLE, 0)
    prctl(CHILD_SUBREAPER, 1)
    return Layers(tuple(names), None if tier == "T0" else _filter(paths=tier != "T1"))


def needs_full_preload(tier: str) -> bool:
    """Whether children will not be able to open the standard library."""
    if tier == "T2":
        return privileges.is_root() and not privileges.anyone_can_reach(standard_library())
    return tier == "T1"


def _filter(paths: bool) -> Filter:
    machine = os.uname().machine
    if machine not in syscalls.AUDIT_ARCH:
        raise OSError(f"no table of system calls for {machine}")
    return Filter(machine, paths)


def library_entries() -> Iterator[str]:
    """The entries of the standard library's folder, without what was installed beside it."""
    folder = standard_library()
    return (os.path.join(folder, name) for name in os.listdir(folder) if not name.endswith("-packages"))


def _limit(limits: dict[str, Any]) -> None:
    cpu_s, file_bytes = limits["cpu_s"], limits["output_kb"] << 10
    memory_bytes = limits["memory_mb"] << 20
    for resource_id, soft, margin in (
        (resource.RLIMIT_CPU, cpu_s, 1),
        (resource.RLIMIT_FSIZE, file_bytes, 0),
        (resource.RLIMIT_NOFILE, limits["files"], 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_STACK, _STACK_BYTES, 0),
        (resource.RLIMIT_AS, memory_bytes, 0),
    ):
        hard = resource.getrlimit(resource_id)[1]
        ceiling = sys.maxsize if hard == resource.RLIM_INFINITY else hard
        resource.setrlimit(resource_id, (min(soft, ceiling), min(soft + margin, ceiling)))
