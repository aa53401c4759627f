"""Runs Python that a model wrote, to sit inside a reward function.

    with Sandbox() as sandbox:
        sandbox.grade(code, [Test("1 2", "3")]).passed

Submitted code runs in a process of its own that never holds an expected output and can only answer; whether
an answer is right is decided here, where that code cannot reach. `provenance()` says which walls stand.
"""

from vulngames.sandbox.comparison import Tolerance
from vulngames.sandbox.external import Backend, connect
from vulngames.sandbox.grade import Grade, Test
from vulngames.sandbox.limits import Limits
from vulngames.sandbox.outcome import JSON, Outcome, Status
from vulngames.sandbox.pair import GraderPair, PairGrade
from vulngames.sandbox.provenance import provenance, warn_of_missing_layers
from vulngames.sandbox.sandbox import Sandbox
from vulngames.starter import entry_point

__all__ = [
    "JSON",
    "Backend",
    "Grade",
    "GraderPair",
    "Limits",
    "Outcome",
    "PairGrade",
    "Sandbox",
    "Status",
    "Test",
    "Tolerance",
    "connect",
    "entry_point",
    "provenance",
    "warn_of_missing_layers",
]
