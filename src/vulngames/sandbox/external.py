"""Sandboxes elsewhere, behind the interface of our own: whatever can run one program on one input.

They only run code and bring back bytes. What is right is decided here, by the same comparison and the same decoder.
"""

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vulngames.errors import UserError
from vulngames.sandbox import answers
from vulngames.sandbox.grade import Grade, Test, grade, with_room
from vulngames.sandbox.limits import Limits
from vulngames.sandbox.outcome import FINAL, JSON, Outcome, Status, last_line
from vulngames.sandbox.zygote.preload import PRELUDE

# Reads what is asked on its input, and writes one line a call to what was its output.
_CALLS = (
    f"PRELUDE = {PRELUDE!r}"
    + """
import builtins, json, os, sys
out, asked = os.dup(1), json.load(sys.stdin)
os.dup2(os.open(os.devnull, os.O_RDWR), 1)
sys.setrecursionlimit(50000)
names = dict(vars(builtins))
for name in PRELUDE.split():
    exec(f"from {name} import *", names)
for name in PRELUDE.split():
    exec(f"import {name}", names)
space = {"__name__": "submission", "__builtins__": names}
exec(compile(asked["code"], "submission.py", "exec"), space)
owner, _, name = asked["entry"].rpartition(".")
def find():
    cls = space.get(owner or "Solution")
    if (owner or name not in space) and hasattr(cls, name):
        return getattr(cls(), name)
    return space[name]
for index, arguments in enumerate(asked["calls"]):
    try:
        line = json.dumps([index, "ok", find()(*arguments)])
    except BaseException as error:
        line = json.dumps([index, "error", f"{type(error).__name__}: {error}"[:300]])
    os.write(out, line.encode() + b"\\n")
os._exit(0)
"""
)


class LostError(Exception):
    """What runs programs did not run this one: it is not there, failed, or said nothing that makes sense."""


@dataclass(frozen=True)
class Ran:
    """How a program ended: its exit status, or None if it ran out of time; and what it wrote."""

    code: int | None
    stdout: bytes
    stderr: bytes = b""


Run = Callable[[str, str, Limits], Ran]
"""Runs a program on an input, within limits. Raises LostError."""


class Backend(Protocol):
    """What runs submitted code: `Sandbox`, or one elsewhere."""

    def stdio(self, code: str, stdins: Sequence[str], batch: bool = False) -> list[Outcome]:
        """See `Sandbox.stdio`."""

    def call(self, code: str, entry: str, calls: Sequence[Sequence[JSON]]) -> list[Outcome]:
        """See `Sandbox.call`."""

    def grade(self, code: str, tests: Sequence[Test], entry: str | None = None, batch: bool = False) -> Grade:
        """See `Sandbox.grade`."""

    def provenance(self) -> dict[str, object]:
        """See `Sandbox.provenance`."""

    def close(self) -> None:
        """See `Sandbox.close`."""


class External:
    """A backend made of one function. What is lost is tried again, and blamed, as `Sandbox` does it."""

    def __init__(self, name: str, run: Run, limits: Limits | None = None, layers: Sequence[str] = ()) -> None:
        self.limits = limits or Limits()
        self._name, self._run_once, self._layers = name, run, layers

    def stdio(self, code: str, stdins: Sequence[str], batch: bool = False) -> list[Outcome]:
        """As `Sandbox.stdio`; each input has a process of its own, also with `batch`."""
        outcomes: list[Outcome] = []
        for text in stdins:
            if outcomes and outcomes[-1].status in FINAL:
                outcomes.append(Outcome(outcomes[-1].status, detail=outcomes[-1].detail))
                continue
            ran = self._run(code, text)
            if not isinstance(ran, Outcome):
                end = self._end(ran)
                text = ran.stdout.decode("utf-8", "replace")
                ran = Outcome(Status.OK, text) if end.status is Status.OK else end
            outcomes.append(ran)
        return outcomes

    def call(self, code: str, entry: str, calls: Sequence[Sequence[JSON]]) -> list[Outcome]:
        """As `Sandbox.call`."""
        ran = self._run(_CALLS, json.dumps({"code": code, "entry": entry, "calls": calls}))
        if isinstance(ran, Outcome):
            return [ran] * len(calls)
        try:
            answered = answers.decode(ran.stdout, len(calls))
        except answers.ProtocolViolationError as error:
            return [Outcome(Status.PROTOCOL_VIOLATION, detail=str(error))] * len(calls)
        end = self._end(ran)
        if end.status is Status.OK:
            end = Outcome(Status.RUNTIME_ERROR, detail="ended without an answer")
        return answered + [end] * (len(calls) - len(answered))

    def grade(self, code: str, tests: Sequence[Test], entry: str | None = None, batch: bool = False) -> Grade:
        """As `Sandbox.grade`."""
        roomy = copy.copy(self)
        roomy.limits = with_room(self.limits, tests, entry)
        return grade(roomy, code, tests, entry, batch)

    def provenance(self) -> dict[str, object]:
        """As `Sandbox.provenance`; the tier is the name of the backend, and of its layers only the known are listed."""
        return {"tier": self._name, "layers": list(self._layers), "missing": [], "refused": {}}

    def close(self) -> None:
        """Nothing is held open."""

    def _run(self, code: str, text: str) -> Ran | Outcome:
        for _ in range(2):
            try:
                return self._run_once(code, text, self.limits)
            except LostError as error:
                lost = str(error)
        # A program can leave with an exit status that Docker has for its own, or write what a server chokes on.
        try:
            self._run_once("", "", self.limits)
        except LostError:
            return Outcome(Status.INFRA_ERROR, detail=lost)
        try:
            return self._run_once(code, text, self.limits)
        except LostError as error:
            return Outcome(Status.SECURITY_VIOLATION, detail=f"the sandbox fails with this code alone: {error}")

    def _end(self, ran: Ran) -> Outcome:
        if ran.code is None:
            return Outcome(Status.TIMEOUT, detail=f"over {self.limits.wall_s} s")
        if len(ran.stdout) >= self.limits.output_kb << 10:
            return Outcome(Status.OUTPUT_LIMIT, detail=f"over {self.limits.output_kb} KiB of output")
        if ran.code == 0:
            return Outcome(Status.OK)
        last = last_line(ran.stderr)
        memory = last.startswith("MemoryError")
        return Outcome(Status.MEMORY if memory else Status.RUNTIME_ERROR, detail=last or f"exit status {ran.code}")


def connect(name: str = "local", limits: Limits | None = None) -> Backend:
    """The backend called `name`: "local", "docker:IMAGE" or "fusion:URL".

    Raises:
        UserError: no such form, or no `docker` to be found.
    """
    from vulngames.sandbox.docker import Docker
    from vulngames.sandbox.fusion import Fusion
    from vulngames.sandbox.sandbox import Sandbox

    kind, _, rest = name.partition(":")
    if name == "local":
        return Sandbox(limits)
    if kind == "docker" and rest:
        docker = Docker.find(rest)
        return External(name, docker, limits, ("container", *docker.runtime[1:]))
    if kind == "fusion" and rest.startswith(("http://", "https://")):
        return External(name, Fusion(rest), limits)
    raise UserError(f"unknown sandbox {name!r}; valid: local, docker:IMAGE, fusion:URL")
