"""Docker, by its command line: a container per run, with gVisor where it is installed."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from typing import IO

from vulngames.errors import UserError
from vulngames.sandbox.limits import Limits
from vulngames.sandbox.outcome import last_line
from vulngames.sandbox.ran import LostError, Ran
from vulngames.sandbox.zygote.pace import PATIENCE

# The code comes before the input, on the same stream: an argument could not be as long. Memory is limited here too,
# since a container that takes too much is killed without a word.
_BOOT = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, [int(sys.argv.pop())] * 2)
def take(n):
    data = b""
    while len(data) < n:
        data += os.read(0, n - len(data))
    return data
code = take(int(take(10)))
exec(compile(code, "submission.py", "exec"), {"__name__": "__main__"})
"""
_FAILED = (125, 126, 127)
"""Exit statuses of `docker run` itself."""
_OUT_OF_CPU = 128 + signal.SIGXCPU
"""The exit status of a program that was stopped at its limit of processor time."""
_COMPANION = "import sys, time\nwhile time.process_time() < float(sys.argv[1]): pass"
_LOOK_S = 0.05
_STDERR_BYTES = 65536
_ANSWER_S = 30.0


@dataclass(frozen=True)
class Docker:
    """Containers of one image, which must hold a `python`."""

    image: str
    docker: str
    runtime: tuple[str, ...] = ()

    @classmethod
    def find(cls, image: str) -> "Docker":
        """With the `docker` on the path, and gVisor's `runsc` if that knows it.

        Raises UserError if there is no such command, its daemon does not answer, or the image was never pulled.
        """
        docker = shutil.which("docker")
        if docker is None:
            raise UserError(f"sandbox 'docker:{image}' needs the docker command, which is not on the path")
        try:
            _answer(docker, "image", "inspect", image)
            runtimes = _answer(docker, "info", "--format", "{{.Runtimes}}")
        except LostError as error:
            raise UserError(
                f"sandbox 'docker:{image}' is not available: {error}; valid: an image of a running docker daemon, as "
                "`docker image ls` lists them"
            ) from error
        return cls(image, docker, ("--runtime", "runsc") if "runsc" in runtimes else ())

    def __call__(self, code: str, stdin: str, limits: Limits) -> Ran:
        """Run a program. Raises LostError."""
        source, given = code.encode("utf-8", "surrogatepass"), stdin.encode("utf-8", "surrogatepass")
        name = f"vulngames-{os.getpid()}-{os.urandom(6).hex()}"
        try:
            process = subprocess.Popen(
                [*self._command(name, limits), "python", "-I", "-X", "utf8", "-c", _BOOT, str(limits.memory_mb << 20)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise LostError(f"docker could not be run: {error}") from error
        ran = _communicate(process, f"{len(source):010}".encode() + source + given, limits)
        if ran.code is None or ran.code < 0 or len(ran.stdout) >= limits.output_kb << 10:
            # The command may have ended before the container, which then goes on.
            started = self._kill(name)
            if ran.code is None and not started:
                raise LostError(f"docker did not start it within {limits.wall_s} s")
        if ran.code in _FAILED:
            raise LostError(f"docker did not run it: {ran.stderr.decode('utf-8', 'replace').strip()[-200:]}")
        return replace(ran, code=None) if ran.code == _OUT_OF_CPU else ran

    def _kill(self, name: str) -> bool:
        """End a container; False if there is none."""
        return _ask(self.docker, "kill", name).returncode == 0

    def _command(self, name: str, limits: Limits) -> list[str]:
        return [
            # The first process of a container hears no signal that it does not handle; so it is another's.
            self.docker, "run", "--rm", "--init", "--interactive", "--log-driver", "none", "--name", name,
            *self.runtime, "--network", "none", "--read-only", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--user", "65534:65534", "--pids-limit", "64",
            "--memory", f"{limits.memory_mb}m", "--ulimit", f"cpu={limits.cpu_s}:{limits.cpu_s + 1}",
            "--ulimit", f"nofile={limits.files}", self.image,
        ]  # fmt: skip


def _ask(*command: str) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ANSWER_S)
    except subprocess.TimeoutExpired as error:
        raise LostError(f"docker did not answer within {_ANSWER_S:g} s") from error
    except OSError as error:
        raise LostError(f"docker could not be run: {error}") from error


def _answer(*command: str) -> str:
    """What a command of docker's prints. Raises LostError if it fails."""
    done = _ask(*command)
    if done.returncode:
        raise LostError(last_line(done.stderr) or f"exit status {done.returncode}")
    return done.stdout.decode("utf-8", "replace")


def _wait_on(process: "subprocess.Popen[bytes]", limits: Limits) -> int | None:
    """Give a process that is out of time its share of a busy machine, as `zygote.pace` says; None if that was in vain.

    What runs elsewhere cannot be compared with its companion, so what is starved is out of time too.
    """
    deadline = time.monotonic() + (PATIENCE - 1) * limits.wall_s
    command = [sys.executable, "-I", "-S", "-c", _COMPANION, str(min(limits.cpu_s, limits.wall_s))]
    companion = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        while companion.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_LOOK_S)
        process.kill()
        process.wait()
        return None
    finally:
        companion.kill()
        companion.wait()


def _communicate(process: "subprocess.Popen[bytes]", data: bytes, limits: Limits) -> Ran:
    """Feed a process and read what it writes, up to its limits: a flood is not taken in."""
    assert process.stdin and process.stdout and process.stderr
    most = limits.output_kb << 10
    output: list[bytes] = []
    errors: list[bytes] = []
    writer = threading.Thread(target=_write, args=(process.stdin, data), daemon=True)
    readers = [
        threading.Thread(target=_read, args=(process.stdout, most, output), daemon=True),
        threading.Thread(target=_read, args=(process.stderr, _STDERR_BYTES, errors), daemon=True),
    ]
    for thread in (writer, *readers):
        thread.start()
    try:
        code: int | None = process.wait(limits.wall_s)
    except subprocess.TimeoutExpired:
        code = _wait_on(process, limits)
    for thread in readers:
        thread.join()
    [stdout], [stderr] = output, errors
    # A process that was cut off ends with an error of its own.
    return Ran(code if code is None or len(stdout) < most else 0, stdout, stderr)


def _write(stream: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), stream:
        stream.write(data)


def _read(stream: IO[bytes], size: int, parts: list[bytes]) -> None:
    with stream:
        parts.append(stream.read(size))
