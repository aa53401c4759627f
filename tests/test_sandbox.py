"""The sandbox as tables of behaviours: honest code passes, all else scores 0, each with its own status."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from programs import PROGRAMS
from shared import ELSEWHERE, SHARED
from vulngames.sandbox import Grade, Limits, Outcome, Sandbox, Status, Test, answers, entry_point, tier
from vulngames.sandbox.external import External
from vulngames.sandbox.grade import arguments, from_json, with_room
from vulngames.sandbox.ran import Ran
from vulngames.sandbox.worker import WorkerLostError

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux"),
    pytest.mark.filterwarnings("ignore:vulngames.sandbox runs at tier"),
]

ROWS = SHARED / "data" / "tampering_livecodebench.parquet"
QUICK = Limits(wall_s=0.5, cpu_s=1, memory_mb=128, output_kb=64)

SUM = [Test("1 2", "3"), Test("10 20", "30"), Test("-4 9", "5")]
ADD = [Test("1\n2", "3"), Test("10\n20", "30"), Test("-4\n9", "5")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def unwalled() -> Iterator[Sandbox]:
    """A sandbox without a wall: what the shape alone must withstand."""
    with Sandbox(tier="T0", allow_unsandboxed=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def quick() -> Iterator[Sandbox]:
    with Sandbox(QUICK) as sandbox:
        yield sandbox


# --- honest code -----------------------------------------------------------------------------------------

FUNCTIONS = {
    "method": (
        "class Solution:\n    def add(self, a: int, b: int) -> int:\n        return a + b",
        "Solution.add",
    ),
    "function": ("def add(a, b):\n    return a + b", "add"),
    "function for a method": ("def add(a, b):\n    return a + b", "Solution.add"),
    "method for a function": ("class Solution:\n    def add(self, a, b): return a + b", "add"),
    "names without import": (
        """
        class Solution:
            @lru_cache(None)
            def add(self, a: Optional[int], b: int) -> int:
                heap: List[int] = []
                heappush(heap, math.gcd(a, b) * 0 + pow(a + b, 1, 1000) - (1000 if a + b < 0 else 0))
                return Counter({"x": heappop(heap)})["x"] + int(inf == 0)
        """,
        "Solution.add",
    ),
    "print and guard": (
        "def add(a, b):\n    print('x')\n    return a + b\nif __name__ == '__main__':\n    1 / 0",
        "add",
    ),
    "float for int": ("def add(a, b): return float(a + b)", "add"),
    "bool arithmetic": ("def add(a, b): return a + b + (1 == 2)", "add"),
    "deep recursion": ("def add(a, b, n=20_000): return add(a, b, n - 1) if n else a + b", "add"),
}


@pytest.mark.parametrize("code", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_honest_programs_pass(sandbox: Sandbox, code: str) -> None:
    result = sandbox.grade(dedent(code), SUM)
    assert (result.passed, result.error) == (1.0, None), result


@pytest.mark.parametrize(("code", "entry"), FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_honest_functions_pass(sandbox: Sandbox, code: str, entry: str) -> None:
    result = sandbox.grade(dedent(code), ADD, entry)
    assert (result.passed, result.error) == (1.0, None), result


# --- dishonest and broken code ---------------------------------------------------------------------------

LIAR = """
    class Liar{base}:
        def __eq__(self, other): return True
        def __ne__(self, other): return False
        def __bool__(self): return True
        def __hash__(self): return 0
        def __sub__(self, other): return 0
        def __repr__(self): return "3"
        __str__ = __repr__
        def strip(self, *_): return "3"
    def add(a, b): return Liar()
    if __name__ == "__main__": print(Liar())
"""
EVERY_FD = """
    import json, os
    def add(a, b): return None
    for fd in range(256):
        for verdict in ({}):
            try: os.write(fd, verdict)
            except OSError: pass
"""
FOUND = "The-Expected-Output"
HUNT = """
    import gc, os, re, sys
    def texts():
        frame = sys._getframe()
        while frame:
            yield repr(frame.f_locals)[:10**6]
            yield repr(frame.f_globals)[:10**6]
            frame = frame.f_back
        yield repr(dict(os.environ)) + repr(sys.argv)
        yield from (thing for thing in gc.get_objects() if type(thing) is str)
        for pid in ("self", os.getppid()):
            for name in ("environ", "cmdline"):
                try: yield open(f"/proc/{pid}/{name}", errors="replace").read()
                except OSError: pass
        gc.unfreeze()
        yield repr(gc.get_objects())[:10**7]
    def add(*_):
        found = (re.search("The-[E]xpected-[O]utput", text) for text in texts())
        return next((match.group() for match in found if match), "not found")
    if __name__ == "__main__": print(add())
"""

S = Status
# name: (code, status of a program, status of a function), each of every test
ATTACKS: dict[str, tuple[str, Status | None, Status | None]] = {
    "wrong": ("def add(a, b): return a - b - 1\nif __name__ == '__main__': print(99)", S.WRONG, S.WRONG),
    "nothing": ("", S.WRONG, S.RUNTIME_ERROR),
    "does not parse": ("def add(a, b) return", S.RUNTIME_ERROR, S.RUNTIME_ERROR),
    "crash": ("raise ValueError('no')", S.RUNTIME_ERROR, S.RUNTIME_ERROR),
    "null byte, lone surrogate": ("print('\0\ud800')", S.RUNTIME_ERROR, S.RUNTIME_ERROR),
    "sys.exit(0)": ("import sys; sys.exit(0)", S.WRONG, S.RUNTIME_ERROR),
    "sys.exit(0) in the call": ("def add(a, b): exit(0)", None, S.RUNTIME_ERROR),
    "os._exit(0)": ("import os; os._exit(0)", S.WRONG, S.RUNTIME_ERROR),
    "os._exit(0) in the call": ("import os\ndef add(a, b): os._exit(0)", None, S.RUNTIME_ERROR),
    "right, then exit 1": ("print(sum(map(int, input().split()))); exit(1)", S.RUNTIME_ERROR, None),
    "right, then a signal": (
        "import os\nprint(sum(map(int, input().split())), flush=True); os.kill(os.getpid(), 9)",
        S.RUNTIME_ERROR,
        None,
    ),
    "infinite loop": ("while True: pass", S.TIMEOUT, S.TIMEOUT),
    "sleep": ("import time; time.sleep(60)", S.TIMEOUT, S.TIMEOUT),
    "stops itself": ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", S.TIMEOUT, S.TIMEOUT),
    "no alarms": ("import signal; signal.alarm(0)\nwhile True: 2 ** 100_000", S.TIMEOUT, S.TIMEOUT),
    "memory bomb": ("x = []\nwhile True: x.append(bytearray(10**7))", S.MEMORY, S.MEMORY),
    "memory bomb in the call": ("def add(a, b): return bytearray(10**10)", None, S.MEMORY),
    "raises its limits": (
        """
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
        x = bytearray(2 * 10**8)
        """,
        S.RUNTIME_ERROR,
        None,
    ),
    "output flood": ("while True: print('x' * 1000)", S.OUTPUT_LIMIT, S.TIMEOUT),
    "a long answer": ("def add(a, b): return 'x' * 10**6", None, S.OUTPUT_LIMIT),
    "right, then a flood": (
        "print(sum(map(int, input().split())))\nprint('\\n' * 10**6)",
        S.OUTPUT_LIMIT,
        None,
    ),
    "always equal": (LIAR.format(base=""), None, S.RUNTIME_ERROR),
    "always equal str": (LIAR.format(base="(str)"), None, S.WRONG),
    "always equal int": (LIAR.format(base="(int)"), None, S.WRONG),
    "always equal list": (LIAR.format(base="(list)"), None, S.WRONG),
    "nan": ("def add(a, b): return float('nan')", None, S.WRONG),
    "prints PASS": (
        "print('PASS'); print('3 passed'); print('ok')\ndef add(a, b): print('PASS')",
        S.WRONG,
        S.WRONG,
    ),
    "verdicts to every descriptor": (
        EVERY_FD.format(r"""b'{"passed": 3}\n', b"PASS\n", b"\0" """),
        None,
        S.PROTOCOL_VIOLATION,
    ),
    "a pickle to every descriptor": (EVERY_FD.format(r"b'\x80\x04N.\n',"), None, S.PROTOCOL_VIOLATION),
    "rewrites builtins": (
        """
        import builtins, json, sys
        builtins.len = builtins.all = builtins.print = lambda *_, **__: True
        json.dumps = lambda *_, **__: '{"status": "ok"}'
        json.JSONEncoder = builtins.type = builtins.str = None
        def add(a, b): return 1
        """,
        S.WRONG,
        S.PROTOCOL_VIOLATION,
    ),
    "answers twice": (
        """
        import os
        def add(a, b):
            for fd in range(3, 32):
                try: os.write(fd, b'[0, "ok", 3]\\n[1, "ok", 30]\\n')
                except OSError: pass
            return 0
        """,
        None,
        S.PROTOCOL_VIOLATION,
    ),
    "answers out of order": (
        """
        import os
        def add(a, b):
            for fd in range(3, 32):
                try: os.write(fd, b'[1, "ok", 30]\\n[0, "ok", 3]\\n')
                except OSError: pass
            os._exit(0)
        """,
        None,
        S.PROTOCOL_VIOLATION,
    ),
    "a deep answer": (
        "def add(a, b):\n    x = []\n    for _ in range(5000): x = [x]\n    return x",
        None,
        S.PROTOCOL_VIOLATION,
    ),
    "an answer that is no JSON": ("def add(a, b): return {1, 2}", None, S.RUNTIME_ERROR),
    "kills the zygote": ("import os; os.kill(os.getppid(), 9)", S.RUNTIME_ERROR, S.RUNTIME_ERROR),
    "traces itself": (
        "import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)",
        S.SECURITY_VIOLATION,
        S.SECURITY_VIOLATION,
    ),
}


@pytest.mark.parametrize("name", [name for name, row in ATTACKS.items() if row[1]])
def test_dishonest_programs_score_nothing(quick: Sandbox, name: str) -> None:
    code, status, _ = ATTACKS[name]
    assert_scores_nothing(quick.grade(dedent(code), SUM), status)


@pytest.mark.parametrize("name", [name for name, row in ATTACKS.items() if row[2]])
def test_dishonest_functions_score_nothing(quick: Sandbox, name: str) -> None:
    code, _, status = ATTACKS[name]
    assert_scores_nothing(quick.grade(dedent(code), ADD, "add"), status)


def assert_scores_nothing(result: Grade, status: Status | None) -> None:
    assert (result.passed, set(result.statuses)) == (0.0, {status}), result
    assert (result.error is not None) == (status is Status.INFRA_ERROR)


@pytest.mark.parametrize("wall", ["sandbox", "unwalled"])
def test_the_expected_output_is_nowhere_to_be_found(wall: str, request: pytest.FixtureRequest) -> None:
    sandbox = request.getfixturevalue(wall)
    program = sandbox.grade(dedent(HUNT), [Test("", FOUND)])
    function = sandbox.grade(dedent(HUNT), [Test('""', json.dumps(FOUND))], "add")
    assert program.statuses == function.statuses == (Status.WRONG,), (program, function)


@pytest.mark.parametrize("batch", [False, True])
def test_an_integer_of_many_digits_can_be_read_and_printed(sandbox: Sandbox, batch: bool) -> None:
    # LiveCodeBench allows 50,000.
    digits = "7" * 50_000
    assert sandbox.grade("print(int(input()))", [Test(digits, digits)] * 2, batch=batch).passed == 1


def test_no_run_draws_what_another_drew(sandbox: Sandbox) -> None:
    code = "import random\nprint(random.random())\ndef f(): return random.random()"
    outcomes = sandbox.stdio(code, [""] * 2) + sandbox.stdio(code, [""] * 2, batch=True)
    outcomes += sandbox.call(code, "f", [[]]) + sandbox.call(code, "f", [[]])
    assert len({str(outcome.output) for outcome in outcomes}) == 6


def test_secrets_of_this_process_do_not_reach_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "very-secret")
    code = """
        import os
        print(dict(os.environ))
        for pid in ("self", os.getppid()):
            print(open(f"/proc/{pid}/environ").read(), open(f"/proc/{pid}/cmdline").read())
        print(os.getcwd(), sorted(os.listdir("/proc/self/fd")))
    """
    secret_fd = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(secret_fd, True)
    with Sandbox(tier="T0", allow_unsandboxed=True) as fresh:
        [outcome] = fresh.stdio(dedent(code), [""])
    os.close(secret_fd)
    assert outcome.status is Status.OK, outcome
    text = str(outcome.output)
    assert "very-secret" not in text and "SOME_API_KEY" not in text
    assert text.startswith("{}\n") and text.splitlines()[-1].startswith("/ ")
    assert len(json.loads(text.splitlines()[-1][2:].replace("'", '"'))) <= 5


def test_what_the_code_started_dies_with_it(unwalled: Sandbox) -> None:
    code = """
        import os, time
        pids = []
        for leaves_the_session in (False, True):
            reader, writer = os.pipe()
            if os.fork() == 0:
                if leaves_the_session: os.setsid()
                if os.fork() == 0:
                    os.write(writer, b"%d" % os.getpid())
                    time.sleep(60)
                os._exit(0)
            print(int(os.read(reader, 20)))
    """
    [outcome] = unwalled.stdio(dedent(code), [""])
    pids = [int(line) for line in str(outcome.output).split()]
    assert len(pids) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


# --- answers ---------------------------------------------------------------------------------------------

COMPARISONS = [
    ("3", "3", True),
    ("3.0", "3", True),
    ("True", "1", True),
    ("1", "true", True),
    ("0.0", "false", True),
    ("2", "true", False),
    ("True", "true", True),
    ("0.1 + 0.2", "0.3", False),
    ("float('nan')", "NaN", False),
    ("float('inf')", "Infinity", True),
    ("(1, (2, 3))", "[1, [2, 3]]", True),
    ("[1, True]", "[1, 1]", True),
    ("[float('nan')]", "[NaN]", False),
    ("[1, 2]", "[1, 2, 3]", False),
    ("{'a': (1,), 'b': None}", '{"b": null, "a": [1]}', True),
    ("{1: 2}", '{"1": 2}', True),
    ("'1'", "1", False),
    ("None", "false", False),
    ("'żółw \\U0001f422'", '"żółw \\ud83d\\udc22"', True),
    ("10**3000", "1" + "0" * 3000, True),
    ("__import__('collections').Counter('aa')", '{"a": 2}', True),
]


@pytest.mark.parametrize(("value", "expected", "equal"), COMPARISONS)
def test_values_are_compared_as_python_does(sandbox: Sandbox, value: str, expected: str, equal: bool) -> None:
    result = sandbox.grade(f"def f(): return {value}", [Test("", expected)], "f")
    assert result.statuses == (Status.OK if equal else Status.WRONG,), result


@pytest.mark.parametrize(
    ("printed", "expected", "equal"),
    [
        ("1\n2\n3", "1\n2\n3", True),
        ("1  \n2\t\n3\n\n\n", "1\n2\n3", True),
        ("1\r\n2\r\n", "1\n2", True),
        ("0\n2\n3", "1\n2\n3", False),
        ("3", "1\n2\n3", False),
        ("1\n\n2", "1\n2", False),
        (" 1", "1", True),
        ("1 2", "1  2", True),
        ("0.50", "0.5", True),
        ("0.5000001", "0.5", False),
        ("", "", True),
    ],
)
def test_output_is_compared_whole_and_by_tokens(sandbox: Sandbox, printed: str, expected: str, equal: bool) -> None:
    result = sandbox.grade(f"import sys; sys.stdout.write({printed!r})", [Test("", expected)])
    assert result.statuses == (Status.OK if equal else Status.WRONG,)


def test_each_call_is_answered_on_its_own(quick: Sandbox) -> None:
    code = "def f(x):\n    if x == 1: raise KeyError(x)\n    if x == 3:\n        while True: pass\n    return x"
    assert quick.call(code, "f", [[0], [1], [2], [3], [4]]) == [
        Outcome(Status.OK, 0),
        Outcome(Status.RUNTIME_ERROR, detail="KeyError: 1"),
        Outcome(Status.OK, 2),
        Outcome(Status.TIMEOUT, detail="over 0.5 s, or 1 s of processor"),
        Outcome(Status.TIMEOUT, detail="over 0.5 s, or 1 s of processor"),
    ]


def test_no_test_is_run_after_a_timeout(quick: Sandbox) -> None:
    start = time.monotonic()
    result = quick.grade("if input() != '0':\n    while True: pass\nprint(0)", [Test(str(i), "0") for i in range(40)])
    assert result.statuses == (Status.OK,) + (Status.TIMEOUT,) * 39
    assert result.passed == 1 / 40
    assert time.monotonic() - start < 5


@pytest.mark.slow
def test_processor_time_is_limited_apart_from_wall_time() -> None:
    with Sandbox(Limits(wall_s=20, cpu_s=1)) as sandbox:
        start = time.monotonic()
        result = sandbox.grade("import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile 1: pass", SUM)
        assert set(result.statuses) == {Status.TIMEOUT}
        assert time.monotonic() - start < 15


def test_detail_is_the_last_line_of_stderr_made_safe_to_print(sandbox: Sandbox) -> None:
    [outcome] = sandbox.stdio(r"raise ValueError('\x1b[31m' + 'x' * 1000)", [""])
    assert outcome.detail == ("ValueError: ?[31m" + "x" * 1000)[:300]


def decoded(data: bytes, calls: int) -> list[Outcome] | None:
    with contextlib.suppress(answers.ProtocolViolationError):
        return answers.decode(data, calls)
    return None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b'[0, "ok"]',
        b'[0, "ok", 1, 2]',
        b'[0, "pass", 1]',
        b'[0, "error", 1]',
        b'[1, "ok", 1]',
        b'[0.0, "ok", 1]',
        b'[false, "ok", 1]',
        b'{"0": "ok"}',
        b'[0, "ok", 1] []',
        b'[0, "ok", "\xff"]',
        b'[0, "ok", "\\ud800"]',
        b'[0, "ok", ' + b"1" * 5000 + b"]",
        b'[0, "ok", ' + b"[" * 64 + b"]" * 64 + b"]",
    ],
)
def test_a_malformed_answer_is_a_violation(line: bytes) -> None:
    assert decoded(b'[0, "ok", 1]\n', 1) == [Outcome(Status.OK, 1)]
    assert decoded(line + b"\n", 1) is None


def test_more_answers_than_calls_are_a_violation() -> None:
    assert decoded(b'[0, "ok", 1]\n[1, "ok", 1]\n', 1) is None


def test_long_integers_are_refused_even_where_python_takes_them() -> None:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        assert decoded(b'[0, "ok", ' + b"1" * 4301 + b"]\n", 1) is None
    finally:
        sys.set_int_max_str_digits(limit)


@pytest.mark.parametrize("bomb", [b"[", b'{"":', b'"', b'\\"', b'"\\', b"[]", b"1", b"\\ud800", b" "])
def test_decoding_a_bomb_is_quick_and_safe_at_any_recursion_limit(bomb: bytes) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10**7)
    start = time.monotonic()
    try:
        for opening in (b"", b'[0, "ok", ', b'[0, "ok", "'):
            assert decoded((opening + bomb * 2**20)[: 2**20] + b"\n", 1) is None
    finally:
        sys.setrecursionlimit(limit)
    assert time.monotonic() - start < 5


@given(st.binary(max_size=200), st.integers(0, 3))
def test_decoding_never_fails_otherwise_bytes(data: bytes, calls: int) -> None:
    check_decoding(data, calls)


TOKENS = (*'[]{},:"\\01\n', "-1", "1e999", "NaN", "true", "null", '"ok"', '"error"', "\\ud800")


@given(st.lists(st.sampled_from(TOKENS)))
def test_decoding_never_fails_otherwise_tokens(tokens: list[str]) -> None:
    check_decoding("".join(tokens).encode(), 2)
    check_decoding(b'[0,"ok",' + "".join(tokens).encode() + b"]\n", 2)


def check_decoding(data: bytes, calls: int) -> None:
    outcomes = decoded(data, calls)
    assert outcomes is None or len(outcomes) <= min(calls, data.count(b"\n"))
    json.dumps([outcome.output for outcome in outcomes or ()], ensure_ascii=False).encode("utf-8")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.slow
@given(st.lists(VALUES, max_size=4))
def test_decoding_gives_back_what_was_answered(values: list[object]) -> None:
    lines = [json.dumps([i, "ok", value], ensure_ascii=False).encode() + b"\n" for i, value in enumerate(values)]
    outcomes = answers.decode(b"".join(lines), len(values))
    assert [outcome.output for outcome in outcomes] == values
    assert answers.decode(b"".join(lines)[:-1], len(values)) == outcomes[:-1]


# --- the life of the sandbox -----------------------------------------------------------------------------


def children() -> set[int]:
    """Return the child processes of this one."""
    pids = set[int]()
    for task in Path("/proc/self/task").iterdir():
        pids.update(map(int, (task / "children").read_text().split()))
    return pids


def alive(pid: int) -> bool:
    """Whether a process is there, and not only waiting for its parent to take note of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_zygote_is_replaced_and_the_sample_keeps_its_score() -> None:
    with Sandbox(workers=1) as sandbox, ThreadPoolExecutor(1) as thread:
        before = children()
        assert sandbox.grade("print(1)", [Test("", "1")]).passed == 1
        [zygote] = children() - before
        result = thread.submit(sandbox.grade, "import time; time.sleep(0.5); print(1)", [Test("", "1")])
        time.sleep(0.2)
        os.kill(zygote, signal.SIGKILL)
        assert result.result() == Grade((Status.OK,), ("",))
        [replacement] = children() - before
        assert replacement != zygote
        os.kill(replacement, signal.SIGKILL)
        assert sandbox.grade("print(1)", [Test("", "1")]).passed == 1


def test_to_stop_the_zygote_earns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vulngames.sandbox.sandbox._GRACE_S", 0.3)
    with Sandbox(Limits(wall_s=0.1), tier="T0", allow_unsandboxed=True) as sandbox:
        result = sandbox.grade("import os, signal; os.kill(os.getppid(), signal.SIGSTOP)", SUM)
        assert set(result.statuses) == {Status.SECURITY_VIOLATION}
        assert result.passed == 0 and result.error is None and "silent" in result.details[0]
        assert sandbox.grade("print(sum(map(int, input().split())))", SUM).passed == 1


def test_to_kill_the_zygote_earns_nothing(unwalled: Sandbox) -> None:
    assert_scores_nothing(unwalled.grade("import os; os.kill(os.getppid(), 9)", SUM), Status.SECURITY_VIOLATION)
    assert unwalled.grade("print(1)", [Test("", "1")]).passed == 1


def test_several_threads_share_a_sandbox() -> None:
    def square(number: int) -> tuple[Grade, list[Outcome]]:
        program = shared.grade("print(int(input()) ** 2)", [Test(str(number), str(number**2))])
        return program, shared.call("def f(x): return x * x", "f", [[number], [number + 1]])

    before = children()
    with Sandbox(workers=2) as shared, ThreadPoolExecutor(8) as threads:
        for number, (program, function) in enumerate(threads.map(square, range(40))):
            assert program.passed == 1
            assert [outcome.output for outcome in function] == [number**2, (number + 1) ** 2]
        assert len(children() - before) <= 2
    assert children() == before


def test_the_sandbox_works_on_both_sides_of_a_fork() -> None:
    test = [Test("", "1")]
    with Sandbox() as sandbox:
        assert sandbox.grade("print(1)", test).passed == 1
        pid = os.fork()
        if pid == 0:
            ok = sandbox.grade("print(1)", test).passed == 1 and sandbox.grade("print(2)", test).passed == 0
            sandbox.close()
            os._exit(0 if ok else 1)
        assert all(sandbox.grade("print(1)", test).passed == 1 for _ in range(5))
        assert os.waitpid(pid, 0)[1] == 0
        assert sandbox.grade("print(1)", test).passed == 1


def test_the_zygote_dies_with_its_supervisor() -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        sandbox = Sandbox()
        sandbox.stdio("", [""])
        [zygote] = children()
        # Like a data loader: it holds a copy of the supervisor's end of the socket, so that this never closes.
        loader = os.fork()
        if loader == 0:
            time.sleep(20)
            os._exit(0)
        os.write(writer, b"%d %d" % (zygote, loader))
        os.kill(os.getpid(), signal.SIGKILL)
    zygote, loader = map(int, os.read(reader, 40).split())
    os.waitpid(pid, 0)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and alive(zygote):
        time.sleep(0.01)
    assert not alive(zygote)
    os.kill(loader, signal.SIGKILL)
    os.close(reader)
    os.close(writer)


def test_the_zygote_outlives_the_thread_that_started_it() -> None:
    with Sandbox() as sandbox:
        before = children()
        thread = threading.Thread(target=lambda: sandbox.stdio("", [""]))
        thread.start()
        thread.join()
        started = children() - before
        assert sandbox.grade("print(1)", [Test("", "1")]).passed == 1
        assert children() - before == started


@pytest.mark.slow
def test_nothing_grows_over_many_samples(sandbox: Sandbox) -> None:
    descriptors = "import os; print(sorted(os.listdir('/proc/self/fd')))"
    [first] = sandbox.stdio(descriptors, [""])
    ours = len(os.listdir("/proc/self/fd"))
    # What other tests of this process have killed, and nobody has used since.
    dead = {pid for pid in children() if not alive(pid)}
    for number in range(300):
        code = ("print(1)", "1 / 0", "import os; os.fork()", "import os; os._exit(1)")[number % 4]
        sandbox.stdio(code, [""])
    assert sandbox.stdio(descriptors, [""]) == [first]
    assert len(os.listdir("/proc/self/fd")) == ours
    assert {pid for pid in children() if not alive(pid)} <= dead


def test_close_leaves_nothing_and_a_closed_sandbox_starts_again() -> None:
    before, ours = children(), len(os.listdir("/proc/self/fd"))
    sandbox = Sandbox()
    for _ in range(2):
        assert sandbox.grade("print(1)", [Test("", "1")]).passed == 1
        sandbox.close()
        assert (children(), len(os.listdir("/proc/self/fd"))) == (before, ours)


# --- small things ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starter", "entry"),
    [
        (
            "class Solution:\n    def maximumSum(self, nums: List[int]) -> int:\n        ",
            "Solution.maximumSum",
        ),
        ("class Solution:\n\n    # a note\n    @staticmethod\n    def f(x):\n", "Solution.f"),
        ("class Solution(object):\n\tdef f(self, x):", "Solution.f"),
        (
            "# class Node:\n#     def __init__(self): pass\nclass Solution:\n    def f(self, root",
            "Solution.f",
        ),
        ("from typing import List\n\ndef solve(a: int,\n          b", "solve"),
        ("class Empty: pass\ndef solve(a): ...", "solve"),
        ("def helper(x):\n    return x\n\nclass Solution:\n    def f(self, x):", "Solution.f"),
        (
            "class Node:\n    def __init__(self, x):\n        self.x = x\n\nclass Solution:\n    def f(self):",
            "Solution.f",
        ),
        ("class Node:\n    def next(self): ...\nclass Solution:\n    def f(self):", "Solution.f"),
        ("class Node:\n    def __init__(self): ...\ndef solve(node):", "solve"),
        ("class Tree:\n    def __init__(self): ...\n    def add(self, x):", "Tree.add"),
        ("import math\n@cache\ndef g(): ...\n@final\nclass Solution:\n    @cache\n    def f(self):", "Solution.f"),
        ("class Solution:\n    def __init__(self):\n        self.seen = {}\n    def f(self, x):", "Solution.f"),
        ("class Solution:\n    def _help(self): ...\n    def f(self):\n        def inner(): ...", "Solution.f"),
        ("class Solution:\n    class Node:\n        def g(self): ...\n    def f(self):", "Solution.f"),
        ("class Solution:\n    def f(self):\n        class Node:\n            def g(self): ...", "Solution.f"),
        ('"""\nclass Node:\n    def g(self): ...\ndef g(): ...\n"""\nclass Solution:\n    def f(self):', "Solution.f"),
        ("'''class Solution:\n    def g(self)'''\nclass Solution:\n    def f(self):", "Solution.f"),
        ("class Solution:\r\n    def f(\r\nself, x):\r\n", "Solution.f"),
        ("    class Solution:\n        def f(self, x):\n", "Solution.f"),
        ("class Solution2:\n    def g(self): ...\nclass Solution(Base):\n  async def f(self):", "Solution.f"),
        ("# def g(): ...\nclass Solution:\n    # def h(self):\n    def f(self): # def i():", "Solution.f"),
    ],
)
def test_entry_point(starter: str, entry: str) -> None:
    assert entry_point(starter) == entry


METHOD = "class Solution:\n    def add(self, a, b): return a + b"
# Where the entry stands in a submission, and what else does.
SUBMISSIONS = {
    "below a helper of the same name": f"def add(a, b): return 0\n{METHOD}",
    "below another class": f"class Node:\n    def add(self, a, b): return 0\n{METHOD}",
    "above a helper": "class Solution:\n    def add(self, a, b): return plus(a, b)\ndef plus(a, b): return a + b",
    "inherited": "class Base:\n    def add(self, a, b): return a + b\nclass Solution(Base): pass",
    "static": "class Solution:\n    @staticmethod\n    def add(a, b): return a + b",
    "of the class": "class Solution:\n    @classmethod\n    def add(cls, a, b): return a + b",
    "bound to a name": "class Other:\n    def add(self, a, b): return a + b\nSolution = Other",
    "beside a call of its own": f"{METHOD}\nprint(Solution().add(1, 2))",
}


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_the_entry_is_found_wherever_it_stands(sandbox: Sandbox, name: str) -> None:
    assert sandbox.grade(SUBMISSIONS[name], ADD, "Solution.add").passed == 1
    # As it is called elsewhere.
    assert graded_by_hand(SUBMISSIONS[name], ADD, "Solution.add") == 1


def graded_by_hand(code: str, tests: list[Test], entry: str) -> float:
    def run(code: str, text: str, limits: Limits) -> Ran:
        done = subprocess.run([sys.executable, "-I", "-c", code], input=text.encode(), capture_output=True)
        return Ran(done.returncode, done.stdout, done.stderr)

    return External("by hand", run).grade(code, tests, entry).passed


@pytest.mark.parametrize("batch", [False, True])
def test_a_long_expected_output_can_be_printed(batch: bool) -> None:
    long = " ".join(map(str, range(40_000)))
    with Sandbox(Limits(output_kb=16)) as sandbox:
        code = "n = int(input())\nprint(*range(n), sep='  ')"
        tests = [Test("40000", long), Test("3", "0 1 2")]
        assert sandbox.grade(code, tests, batch=batch).statuses == (Status.OK, Status.OK)
        assert sandbox.grade("print('x' * 10**7)", tests, batch=batch).statuses == (Status.OUTPUT_LIMIT,) * 2
        assert sandbox.grade("print('x' * 20_000)", tests[1:], batch=batch).statuses == (Status.OUTPUT_LIMIT,)
        calls = [Test(str(n), json.dumps(list(range(n)))) for n in (40_000, 30_000)]
        assert sandbox.grade("def f(n): return [float(i) for i in range(n)]", calls, "f").passed == 1


def test_how_much_is_expected_shows_in_the_limits_only_by_powers_of_two() -> None:
    seen = {with_room(Limits(), [Test("", "x" * length)], None).output_kb for length in range(1, 2 << 20, 999)}
    assert seen == {1024, 2048, 4096, 8192, 16384}


def test_bad_use_is_an_error_not_a_score(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="no function or method"):
        entry_point("print(1)")
    with pytest.raises(ValueError, match="no tests"):
        sandbox.grade("print(1)", [])
    with pytest.raises(ValueError, match="'oops' in a test of calls is not JSON"):
        sandbox.grade("def f(x): return x", [Test("1", "oops")], "f")
    with pytest.raises(ValueError, match=r"Limits.wall_s is 0"):
        Limits(wall_s=0)
    with pytest.raises(ValueError, match="workers is 0"):
        Sandbox(workers=0)


def test_grade_compares_only_clean_ends() -> None:
    class Runner(Sandbox):
        def stdio(self, code: str, stdins: Sequence[str], batch: bool = False) -> list[Outcome]:
            return [
                Outcome(Status.OK, "1"),
                Outcome(Status.TIMEOUT, "1"),
                Outcome(Status.INFRA_ERROR, detail="lost"),
            ]

    result = Runner().grade("", [Test("", "1")] * 3)
    assert result.statuses == (Status.OK, Status.TIMEOUT, Status.INFRA_ERROR)
    assert result.passed == 1 / 3 and result.error == "lost"


# --- real problems ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not ROWS.exists(), reason=f"no {ROWS}; {ELSEWHERE}")
@pytest.mark.parametrize("name", ["T3", "T2"])
def test_real_problems_can_be_won(name: str) -> None:
    try:
        tier.layers_of(name)
    except WorkerLostError as error:
        pytest.skip(str(error))
    rows = pytest.importorskip("pyarrow.parquet").read_table(ROWS).to_pylist()
    with Sandbox(tier=name) as sandbox:
        lost = [row["extra_info"]["problem_id"] for row in rows if not won(sandbox, row)]
    assert len(rows) == 792 and lost == []


def won(sandbox: Sandbox, row: dict[str, Any]) -> bool:
    """Whether a right solution of a row passes all its tests."""
    starter = json.loads(json.loads(row["prompt"])[1]["content"])["source_code"]
    tests = [Test(test["input"], test["output"]) for test in row["extra_info"]["test_assertions"]]
    entry = entry_point(starter) if starter.strip() else None
    return sandbox.grade(lookup(tests, entry), tests, entry).passed == 1


def lookup(tests: list[Test], entry: str | None) -> str:
    """Return a right solution that has seen the tests."""
    if entry is None:
        table = {test.input.strip(): test.output for test in tests}
        return f"import sys\nprint({table!r}[sys.stdin.read().strip()])"
    pairs = [(arguments(test), from_json(test.output)) for test in tests]
    name = entry.removeprefix("Solution.")
    return f"""
class Solution:
    def {name}(self, *given):
        return next(answer for asked, answer in {pairs!r} if asked == list(given))
"""
