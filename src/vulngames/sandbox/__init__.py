"""Runs Python that a model wrote, to sit inside a reward function.

    with Sandbox() as sandbox:
        sandbox.grade(code, [Test("1 2", "3")]).passed

Submitted code runs in a process of its own that never holds an expected output and can only answer; whether
an answer is right is decided here, where that code cannot reach. `probe()` says which layers this machine
can enforce.
"""

from vulngames.sandbox.backends import backend, check_backend, connect
from vulngames.sandbox.comparison import Tolerance
from vulngames.sandbox.grade import Backend, Grade, Test
from vulngames.sandbox.limits import Limits
from vulngames.sandbox.outcome import JSON, Outcome, Status
from vulngames.sandbox.pair import GraderPair, PairGrade
from vulngames.sandbox.sandbox import Sandbox
from vulngames.sandbox.tier import TierStatus, probe
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
    "TierStatus",
    "Tolerance",
    "backend",
    "check_backend",
    "connect",
    "entry_point",
    "probe",
]
