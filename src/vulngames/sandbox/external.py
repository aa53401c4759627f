"""Sandboxes elsewhere, behind the interface of our own: whatever can run one program on one input.

They only run code and bring back bytes. What is right is decided here, by the same comparison and the same decoder.
"""

import json
from collections.abc import Sequence
from functools import partial

from vulngames.sandbox import answers
from vulngames.sandbox.blame import run_or_blame
from vulngames.sandbox.grade import Backend
from vulngames.sandbox.limits import Limits
from vulngames.sandbox.outcome import JSON, Outcome, Status, failure, in_order, last_line, printed
from vulngames.sandbox.ran import Ran, RunProgram
from vulngames.sandbox.zygote.preload import PRELUDE

# Reads what is asked on its input, and writes one line per call to what was its output.
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


class External(Backend):
    """A backend made of one function. What is lost is tried again, and blamed, as `Sandbox` does it."""

    def __init__(self, name: str, run: RunProgram, limits: Limits | None = None, layers: Sequence[str] = ()) -> None:
        self.limits = limits or Limits()
        self._name, self._run_program, self._layers = name, run, layers

    def stdio(self, code: str, stdins: Sequence[str], batch: bool = False) -> list[Outcome]:
        """As `Sandbox.stdio`; each input has a process of its own, also with `batch`."""
        return in_order(stdins, lambda rest: [self._stdio(code, rest[0])])

    def call(self, code: str, entry: str, calls: Sequence[Sequence[JSON]]) -> list[Outcome]:
        """As `Sandbox.call`."""
        ran = self._run(_CALLS, json.dumps({"code": code, "entry": entry, "calls": calls}))
        if isinstance(ran, Outcome):
            return [ran] * len(calls)
        return answers.outcomes(ran.stdout, len(calls), self._end(ran))

    def describe(self) -> dict[str, object]:
        """As `Sandbox.describe`; the tier is the name of the backend, and of its layers only the known are listed."""
        return {"tier": self._name, "layers": list(self._layers), "missing": [], "refused": {}}

    def _stdio(self, code: str, text: str) -> Outcome:
        ran = self._run(code, text)
        return ran if isinstance(ran, Outcome) else printed(self._end(ran), ran.stdout)

    def _run(self, code: str, text: str) -> Ran | Outcome:
        # A program can end with an exit status that Docker has for its own, or write what a server chokes on.
        return run_or_blame(
            partial(self._run_program, code, text, self.limits), partial(self._run_program, "", "", self.limits)
        )

    def _end(self, ran: Ran) -> Outcome:
        if ran.code is None:
            return Outcome(Status.TIMEOUT, detail=f"over {self.limits.wall_s} s")
        if len(ran.stdout) >= self.limits.output_kb << 10:
            return Outcome(Status.OUTPUT_LIMIT, detail=f"over {self.limits.output_kb} KiB of output")
        if ran.code == 0:
            return Outcome(Status.OK)
        return failure(last_line(ran.stderr) or f"exit status {ran.code}")
