"""Docker, by its command line: a container a run, with gVisor where it is installed."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace

from vulngames.errors import UserError
from vulngames.sandbox.external import LostError, Ran
from vulngames.sandbox.limits import Limits
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
_KILL_S = 30.0


@dataclass(frozen=True)
class Docker:
    """Containers of one image, which must hold a `python`."""

    image: str
    docker: str
    runtime: tuple[str, ...] = ()

    @classmethod
    def find(cls, image: str) -> "Docker":
        """With the `docker` on the path, and gVisor's `runsc` if that knows it. Raises UserError if there is none."""
        docker = shutil.which("docker")
        if docker is None:
            raise UserError(f"sandbox 'docker:{image}' needs the docker command, which is not on the path")
        known = subprocess.run([docker, "info", "--format", "{{.Runtimes}}"], capture_output=True, text=True)
        return cls(image, docker, ("--runtime", "runsc") if "runsc" in known.stdout else ())

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
            found = self._kill(name)
            if ran.code is None and not found:
                raise LostError(f"docker did not start it within {limits.wall_s} s")
        if ran.code in _FAILED:
            raise LostError(f"docker did not run it: {ran.stderr.decode('utf-8', 'replace').strip()[-200:]}")
        return replace(ran, code=None) if ran.code == _OUT_OF_CPU else ran

    def _kill(self, name: str) -> bool:
        """End a container; False if there is none."""
        try:
            return subprocess.run([self.docker, "kill", name], capture_output=True, timeout=_KILL_S).returncode == 0
        except subprocess.TimeoutExpired as error:
            raise LostError(f"docker did not answer within {_KILL_S} s") from error

    def _command(self, name: str, limits: Limits) -> list[str]:
        return [
            # The first process of a container hears no signal that it does not handle; so it is another's.
            self.docker, "run", "--rm", "--init", "--interactive", "--log-driver", "none", "--name", name,
            *self.runtime, "--network", "none", "--read-only", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--user", "65534:65534", "--pids-limit", "64",
            "--memory", f"{limits.memory_mb}m", "--ulimit", f"cpu={limits.cpu_s}:{limits.cpu_s + 1}",
            "--ulimit", f"nofile={limits.files}", self.image,
        ]  # fmt: skip


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
    most, read = limits.output_kb << 10, {"out": b"", "err": b""}

    def feed(stdin: object = process.stdin) -> None:
        try:
            process.stdin.write(data)  # type: ignore[union-attr]
            process.stdin.close()  # type: ignore[union-attr]
        except BrokenPipeError:
            return

    def take(name: str, stream: "subprocess._FILE", size: int) -> None:
        read[name] = stream.read(size)  # type: ignore[union-attr]
        stream.close()  # type: ignore[union-attr]

    threads = [
        threading.Thread(target=feed, daemon=True),
        threading.Thread(target=take, args=("out", process.stdout, most), daemon=True),
        threading.Thread(target=take, args=("err", process.stderr, _STDERR_BYTES), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        code: int | None = process.wait(limits.wall_s)
    except subprocess.TimeoutExpired:
        code = _wait_on(process, limits)
    for thread in threads[1:]:
        thread.join()
    return Ran(code if code is None or len(read["out"]) < most else 0, read["out"], read["err"])
