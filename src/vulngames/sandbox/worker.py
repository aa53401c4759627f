"""One zygote, as the supervisor sees it, and the pool of them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from vulngames.errors import UserError
from vulngames.sandbox.limits import Limits
from vulngames.sandbox.memfd import memfd, sealed
from vulngames.sandbox.outcome import last_line
from vulngames.sandbox.ran import LostError
from vulngames.sandbox.zygote.preload import PROFILES

_PYTHON_FLAGS = ("-P", "-s", "-S", "-B", "-X", "utf8", "-m", "zygote")
# The limit on memory is one of address space, which each malloc arena of a thread would take 64 MiB of.
_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "PYTHONCOERCECLOCALE": "0",
    "MALLOC_ARENA_MAX": "2",
    # A zygote must have no threads of its own when it forks.
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONPATH": str(Path(__file__).parent),
}
_START_S = 30.0
_MESSAGE_BYTES = 4096


class WorkerLostError(LostError):
    """A zygote died, fell silent, or could not set a child up."""


class TierRefusedError(WorkerLostError):
    """A zygote could not put up the layers of its tier."""


@dataclass(frozen=True)
class Ending:
    """How the children of a run ended, in the words of their zygote."""

    codes: tuple[int, ...]
    """Of each child its exit status, or minus the signal."""
    timed_out: bool
    """Killed for its wall-clock time."""
    cpu_s: float
    started: bool
    """Whether all came as far as the submitted code."""
    starved: bool
    """Killed short of the processor time that is its due, on a busy machine, though it took what it got."""

    @property
    def code(self) -> int:
        """How the run ended."""
        return self.codes[-1]


class Worker:
    """One clean interpreter that forks children, one at a time."""

    def __init__(self, tier: str, profile: str = "lean") -> None:
        """Start it, with what `profile` names imported.

        Raises TierRefusedError if this machine does not offer the tier, UserError if it lacks the profile, else
        WorkerLostError.
        """
        with contextlib.ExitStack() as on_failure:
            self._log = os.memfd_create("zygote-stderr")
            on_failure.callback(os.close, self._log)
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            on_failure.callback(self._control.close)
            with theirs:
                process = _start(theirs.fileno(), self._log, tier, profile)
            on_failure.pop_all()
        self.close = weakref.finalize(self, _stop, process, self._control, self._log)
        try:
            greeting = json.loads(self._receive(_START_S))
        except WorkerLostError as error:
            self.close()
            if process.returncode == -signal.SIGSYS:
                raise TierRefusedError("a system call of its layers is fatal here") from error
            raise
        if "refused" in greeting:
            self.close()
            raise TierRefusedError(greeting["refused"])
        self.layers: tuple[str, ...] = tuple(greeting["layers"])

    def run(self, request: bytes, descriptors: Sequence[int], timeout_s: float) -> Ending:
        """Have one request run; `descriptors` are its code, standard error, and what its mode needs. `timeout_s` does
        not count what the zygote asks for beyond, where a run did not get its share of the processor.

        Raises WorkerLostError; this worker is of no more use then.
        """
        try:
            socket.send_fds(self._control, [request], descriptors)
        except OSError as error:
            raise WorkerLostError(f"the zygote takes no work: {error}") from error
        reply = json.loads(self._receive(timeout_s))
        if "more_s" in reply:
            reply = json.loads(self._receive(timeout_s + reply["more_s"]))
        ending = Ending(**reply)
        if not ending.started:
            # Of its own accord, or at a system call: it could not put up the layers that each child puts up itself.
            refused = any(code > 0 or code == -signal.SIGSYS for code in ending.codes)
            cls = TierRefusedError if refused else WorkerLostError
            raise cls(f"a child ended before it ran any code, status {ending.code}")
        return ending

    def try_out(self, limits: Limits) -> None:
        """Have a child run an empty program within `limits`; raises WorkerLostError if it does not come through."""
        request = json.dumps({"mode": "stdio", "limits": asdict(limits)}).encode()
        with sealed("") as nothing, memfd() as output:
            ending = self.run(request, (nothing, output, nothing, output), limits.wall_s)
            if ending.code != 0:
                raise WorkerLostError(f"an empty program ended with {ending.code}")

    def _receive(self, timeout_s: float) -> bytes:
        self._control.settimeout(timeout_s)
        try:
            message = self._control.recv(_MESSAGE_BYTES)
        except OSError as error:
            raise WorkerLostError(f"the zygote fell silent: {error}") from error
        if not message:
            raise WorkerLostError(f"the zygote died: {last_line(os.pread(self._log, _MESSAGE_BYTES, 0))}")
        return message


class Pool:
    """The workers of one process, at most `size` of them in use at once."""

    def __init__(self, size: int, tier: str, profile: str) -> None:
        self._tier, self._profile = tier, profile
        self._slots = threading.Semaphore(size)
        self._idle: deque[Worker] = deque()

    @contextlib.contextmanager
    def worker(self) -> Iterator[Worker]:
        """Lend a worker, idle or new. One that did not come through its work cleanly is not lent again."""
        with self._slots:
            worker = self._take()
            try:
                yield worker
            except BaseException:
                worker.close()
                raise
            self._idle.append(worker)

    def close(self) -> None:
        """Stop the idle workers."""
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _take(self) -> Worker:
        try:
            return self._idle.pop()
        except IndexError:
            return Worker(self._tier, self._profile)


def package_folder(profile: str) -> str:
    """Where the package lies that a profile preloads beyond the standard library; empty if it needs none.

    Raises UserError if there is no such profile, or the package is not installed.
    """
    if profile not in PROFILES:
        raise UserError(f"unknown profile {profile!r}; valid: {', '.join(PROFILES)}")
    package = PROFILES[profile].package
    if not package:
        return ""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise UserError(f"profile {profile!r} needs {package}: pip install {package}")
    return str(Path(spec.origin).parents[1])


def _start(control: int, log: int, tier: str, profile: str) -> "subprocess.Popen[bytes]":
    # A pidfd, not PR_SET_PDEATHSIG: that one fires when the thread that started the zygote ends.
    supervisor = os.pidfd_open(os.getpid())
    try:
        return subprocess.Popen(
            [sys.executable, *_PYTHON_FLAGS, str(control), str(supervisor), tier, profile, package_folder(profile)],
            pass_fds=(control, supervisor),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise WorkerLostError(f"no zygote could be started: {error}") from error
    finally:
        os.close(supervisor)


def _stop(process: "subprocess.Popen[bytes]", control: socket.socket, log: int) -> None:
    # After a fork, Popen finds that the zygote is no child of this process, and kills nothing.
    process.kill()
    process.wait()
    control.close()
    os.close(log)
