"""A trusted test program and a submission in two processes: what passes, and what is not talked into passing."""

import json
import sys
from collections.abc import Iterator
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulngames.sandbox import Limits, Sandbox, Status
from vulngames.sandbox.zygote import strict, wire

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux"),
    pytest.mark.filterwarnings("ignore:vulngames.sandbox runs at tier"),
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(wall_s=2, cpu_s=2)) as sandbox:
        yield sandbox


# A solution of f, and the test program that knows what is right.
PROBLEMS = {
    "sum of squares": ("def f(n):\n    return sum(i * i for i in range(n + 1))", "assert f(3) == 14\nassert f(0) == 0"),
    "reverse words": ("def f(s):\n    return ' '.join(s.split()[::-1])", "assert f('a b c') == 'c b a'"),
    "is prime": (
        "def f(n):\n    return n > 1 and all(n % i for i in range(2, n))",
        "assert f(7) == True\nassert f(8) == False",
    ),
    "mean": ("def f(xs):\n    return sum(xs) / len(xs)", "assert abs(f([1.0, 2.0, 4.0]) - 7 / 3) < 1e-9"),
    "min and max": ("def f(xs):\n    return (min(xs), max(xs))", "assert f([3, 1, 2]) == (1, 3)"),
    "counts": (
        "from collections import Counter\ndef f(s):\n    return Counter(s)",
        "assert f('aab') == {'a': 2, 'b': 1}",
    ),
    "unique": ("def f(xs):\n    return set(xs)", "assert f([1, 1, 2]) == {1, 2}"),
    "fibonacci": (
        "def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)",
        "assert [f(i) for i in range(7)][-1] == 8",
    ),
    "large": ("def f(n):\n    return 2 ** n", "assert f(1000) == 2 ** 1000"),
    "nested": ("def f(xs):\n    return [[x] * x for x in xs]", "assert f([1, 2]) == [[1], [2, 2]]"),
    "none": ("def f(xs):\n    return None if not xs else xs[0]", "assert f([]) == None\nassert f([5]) == 5"),
    "text": ("def f(s):\n    return s.upper() + 'ß'", "assert f('ä') == 'Äß'"),
    "in place": ("def f(xs):\n    xs.sort()", "xs = [3, 1, 2]\nassert f(xs) is None\nassert xs == [1, 2, 3]"),
    "dict in place": ("def f(d):\n    d['n'] += 1", "d = {'n': 1}\nf(d)\nassert d == {'n': 2}"),
    "integer keys": ("def f(n):\n    return {i: i * i for i in range(n)}", "assert f(3) == {0: 0, 1: 1, 2: 4}"),
    "named": ("def f(a, b=2, *, c=3):\n    return a + b * c", "assert f(1) == 7\nassert f(1, b=1, c=1) == 2"),
    "raises": (
        "def f(x):\n    if x < 0:\n        raise ValueError('negative')\n    return x",
        "try:\n    f(-1)\nexcept ValueError as e:\n    assert 'negative' in str(e)\nelse:\n    assert False",
    ),
    "own exception": (
        "class Odd(Exception): pass\ndef f(x):\n    raise Odd('odd')",
        "try:\n    f(1)\nexcept RuntimeError as e:\n    assert 'Odd' in str(e)\nelse:\n    assert False",
    ),
    "state": ("seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)", "assert f(1) == 1\nassert f(1) == 2"),
    "check": (
        "def f(a, b):\n    return a + b",
        "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate('a', 'b') == 'ab'",
    ),
}
ALWAYS_EQUAL = dedent("""
    class Equal:
        def __eq__(self, other): return True
        def __ne__(self, other): return False
        def __bool__(self): return True
        def __call__(self, *a, **k): return self
        def __lt__(self, other): return True
        __gt__ = __le__ = __ge__ = __lt__
        __hash__ = object.__hash__
        def __getitem__(self, i): return self
        def __sub__(self, other): return self
        __add__ = __mul__ = __rsub__ = __abs__ = lambda self, *a: self
    def f(*arguments, **named): return Equal()
""")
SAME_NAMESPACE = """
space = {{}}
exec({code!r}, space)
exec({tests!r}, space)
if "check" in space:
    space["check"](space["f"])
print("ok")
"""


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_right_solution_passes(sandbox: Sandbox, name: str) -> None:
    code, tests = PROBLEMS[name]
    outcome = sandbox.split(code, tests, "f")
    assert outcome.status is Status.OK, outcome


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_object_that_equals_everything_passes_nothing(sandbox: Sandbox, name: str) -> None:
    assert sandbox.split(ALWAYS_EQUAL, PROBLEMS[name][1], "f").status is not Status.OK


def test_the_same_object_passes_where_tests_share_its_namespace(sandbox: Sandbox) -> None:
    outcomes = []
    for _, tests in PROBLEMS.values():
        outcomes += sandbox.stdio(SAME_NAMESPACE.format(code=ALWAYS_EQUAL, tests=tests), [""])
    assert sum(outcome.output == "ok\n" for outcome in outcomes) >= 15


EVERYWHERE = """
import json, os
def everywhere(data):
    for fd in range(3, 64):
        try: os.write(fd, data)
        except OSError: pass
ANSWER = json.dumps({"id": "0", "value": 3, "args": ["l", 1, 2]}).encode() + b"\\n"
"""
LOOK = """
import gc, sys
def f(a, b):
    frame = sys._getframe()
    while frame:
        for held in [*frame.f_locals.values(), *gc.get_objects()]:
            if isinstance(held, (bytes, str)) and "SEC" + "RET" in str(held)[:2000]:
                return 424242
        frame = frame.f_back
    return 0
"""
FORGERIES = {
    "wrong": ("def f(a, b): return a - b", Status.WRONG),
    "text for a number": ("def f(a, b): return '424242'", Status.WRONG),
    "no such function": ("def g(a, b): return 3", Status.RUNTIME_ERROR),
    "does not parse": ("def f(:", Status.RUNTIME_ERROR),
    "os._exit(0) at once": ("import os\nos._exit(0)", Status.RUNTIME_ERROR),
    "os._exit(0) in the call": ("import os\ndef f(a, b): os._exit(0)", Status.RUNTIME_ERROR),
    "sys.exit(0) at once": ("import sys\nsys.exit(0)", Status.RUNTIME_ERROR),
    "sys.exit(0) in the call": ("def f(a, b): raise SystemExit(0)", Status.RUNTIME_ERROR),
    "a passing assertion": ("def f(a, b): raise AssertionError", Status.WRONG),
    "loops at once": ("while True: pass", Status.TIMEOUT),
    "loops in the call": ("def f(a, b):\n    while True: pass", Status.TIMEOUT),
    "says passed everywhere": (EVERYWHERE + "everywhere(b'passed')\ndef f(a, b): return 0", Status.PROTOCOL_VIOLATION),
    "answers before the question": (
        EVERYWHERE + "everywhere(ANSWER)\ndef f(a, b): return 0",
        Status.PROTOCOL_VIOLATION,
    ),
    "answers twice": (
        EVERYWHERE + "def f(a, b):\n    everywhere(ANSWER)\n    return 0",
        Status.PROTOCOL_VIOLATION,
    ),
    "an answer without end": (
        EVERYWHERE + "def f(a, b):\n    while True: everywhere(b'x' * 65536)",
        Status.PROTOCOL_VIOLATION,
    ),
    "nests deeper than the line takes": (
        "def f(a, b):\n    x = []\n    for _ in range(100): x = [x]\n    return x",
        Status.PROTOCOL_VIOLATION,
    ),
    "too long an integer": ("def f(a, b): return 10 ** 5000", Status.RUNTIME_ERROR),
    "an object": ("def f(a, b): return object()", Status.RUNTIME_ERROR),
    "an int that equals everything": (
        "class Equal(int):\n    def __eq__(self, other): return True\ndef f(a, b): return Equal(0)",
        Status.WRONG,
    ),
    "a str that equals everything": (
        "class Equal(str):\n    def __eq__(self, other): return True\ndef f(a, b): return Equal('')",
        Status.WRONG,
    ),
    "patches json": ("import json\njson.dumps = lambda *a, **k: '3'\ndef f(a, b): return 0", Status.PROTOCOL_VIOLATION),
    "looks for what is expected": (LOOK, Status.WRONG),
    "traces": ("import ctypes\ndef f(a, b): ctypes.CDLL(None).ptrace(0, 0, 0, 0)", Status.SECURITY_VIOLATION),
}
TESTS = "SECRET = 424242\nassert f(400000, 24242) == SECRET"


@pytest.mark.slow
@pytest.mark.parametrize("name", FORGERIES)
def test_what_a_submission_tries(sandbox: Sandbox, name: str) -> None:
    code, status = FORGERIES[name]
    outcome = sandbox.split(code, TESTS, "f")
    assert outcome.status is status, outcome


def test_the_method_of_a_class(sandbox: Sandbox) -> None:
    code = "class Solution:\n    def g(self, x):\n        return x + 1"
    assert (
        sandbox.split(code, "assert Solution().g(1) == 2\nassert Solution.g(2) == 3", "Solution.g").status is Status.OK
    )
    assert sandbox.split(code, "def check(c):\n    assert c(1) == 2", "Solution.g").status is Status.OK


@pytest.mark.parametrize(
    ("tests", "status"),
    [
        ("raise ValueError('the tests are broken')", Status.RUNTIME_ERROR),
        ("import sys\nsys.exit(0)", Status.RUNTIME_ERROR),
        ("import os\nos._exit(0)", Status.RUNTIME_ERROR),
        ("f(lambda: 1)", Status.RUNTIME_ERROR),
        ("", Status.OK),
        # A test that swallows exceptions does not swallow a broken protocol.
        ("try:\n    f(1)\nexcept BaseException:\n    pass", Status.PROTOCOL_VIOLATION),
    ],
)
def test_what_the_tests_themselves_do(sandbox: Sandbox, tests: str, status: Status) -> None:
    junk = EVERYWHERE + "everywhere(b'junk\\n')\n" if status is Status.PROTOCOL_VIOLATION else ""
    assert sandbox.split(junk + "def f(x): pass", tests, "f").status is status


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.sets(st.integers() | st.text())
        | st.frozensets(st.integers())
        | st.dictionaries(st.integers() | st.text(), inner)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_packed_is_unpacked_with_its_types(value: object) -> None:
    back = wire.unpack(json.loads(json.dumps(wire.pack(value))))
    assert back == value and type(back) is type(value)


@pytest.mark.slow
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["l", "t", "s", "f", "d", "x", ""]),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_form_is_builtin_data_or_refused(form: object) -> None:
    try:
        value = wire.unpack(form)
    except strict.ProtocolViolationError:
        return
    assert type(value) in (type(None), bool, int, float, str, list, tuple, set, frozenset, dict)
