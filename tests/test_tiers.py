"""The tiers of the sandbox: what is offered, refused and recorded, and that honest code passes at each."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from textwrap import dedent

import pytest

from vulngames.errors import UserError
from vulngames.sandbox import Limits, Sandbox, Status, Test, probe, tier
from vulngames.sandbox.worker import WorkerLostError

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore:vulngames.sandbox runs at tier")


def offered() -> list[str]:
    """The tiers of this machine, strongest first."""

    def offers(name: str) -> bool:
        try:
            tier.layers_of(name)
        except WorkerLostError:
            return False
        return True

    return [name for name in tier.TIERS if offers(name)]


OFFERED = offered()
WALLED = [name for name in OFFERED if name != "T0"]


@pytest.fixture(scope="module", params=OFFERED)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(Limits(wall_s=20, cpu_s=20), tier=request.param, allow_unsandboxed=True) as sandbox:
        yield sandbox


# --- honest code -----------------------------------------------------------------------------------------

MODULES = """
    abc argparse array ast asyncio base64 bdb binascii bisect bz2 calendar cmath cmd code codecs collections colorsys
    concurrent.futures configparser contextlib contextvars copy csv ctypes dataclasses datetime decimal difflib dis
    doctest email.message enum errno fcntl fnmatch fractions functools gc getopt gettext glob graphlib gzip hashlib
    heapq hmac html.parser http.client inspect io ipaddress itertools json keyword linecache locale logging lzma math
    mimetypes mmap multiprocessing numbers operator optparse pathlib pickle pkgutil platform plistlib pprint profile
    queue random re reprlib resource sched secrets select selectors shelve shlex shutil signal socket sqlite3 ssl
    statistics string struct subprocess sysconfig tarfile tempfile textwrap threading time timeit token tokenize tomllib
    traceback types typing unicodedata unittest unittest.mock urllib.parse urllib.request uuid warnings weakref
    xml.etree.ElementTree zipfile zlib zoneinfo
"""

PROGRAMS = {
    "threads": """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(4) as pool: print(sum(pool.map(int, input().split())))
    """,
    "asyncio": """
        import asyncio
        async def number(text):
            await asyncio.sleep(0.001)
            return int(text)
        async def main(): return sum(await asyncio.gather(*map(number, input().split())))
        print(asyncio.run(main()))
    """,
    "asyncio in a thread": """
        import asyncio
        async def main(): return await asyncio.to_thread(lambda: sum(map(int, input().split())))
        print(asyncio.run(main()))
    """,
    "recursion in a thread": """
        import sys, threading
        sys.setrecursionlimit(10**6)
        threading.stack_size(1 << 27)
        def down(n): return 0 if n == 0 else down(n - 1)
        def main(): print(sum(map(int, input().split())) + down(50_000))
        thread = threading.Thread(target=main); thread.start(); thread.join()
    """,
    "deep recursion": """
        import sys
        sys.setrecursionlimit(10**6)
        def down(n): return 0 if n == 0 else down(n - 1)
        print(sum(map(int, input().split())) + down(100_000))
    """,
    "open(0)": "print(sum(map(int, open(0).read().split())))",
    "readline": "import sys\nprint(sum(map(int, sys.stdin.readline().split())))",
    "exit()": "print(sum(map(int, input().split())))\nexit()",
    "main guard": "if __name__ == '__main__':\n    print(sum(map(int, input().split())))",
    "dataclasses": """
        from dataclasses import dataclass, field
        @dataclass(order=True)
        class Sum:
            parts: list[int] = field(default_factory=list)
        print(sum(Sum(list(map(int, input().split()))).parts))
    """,
    "big integers": """
        import sys
        sys.set_int_max_str_digits(0)
        assert len(str(3**50_000)) == 23857
        print(sum(map(int, input().split())))
    """,
    "randomness and time": """
        import os, random, secrets, time, uuid
        assert len({random.random(), secrets.token_hex(), uuid.uuid4(), os.urandom(8), time.time()}) == 5
        time.sleep(0.001); time.localtime(); os.cpu_count(); os.getcwd()
        print(sum(map(int, input().split())))
    """,
    "signals to itself": """
        import signal
        heard = []
        signal.signal(signal.SIGUSR1, lambda *_: heard.append(1)); signal.raise_signal(signal.SIGUSR1)
        signal.signal(signal.SIGALRM, lambda *_: heard.append(1)); signal.setitimer(signal.ITIMER_REAL, 0.001)
        while len(heard) < 2: signal.pause()
        print(sum(map(int, input().split())))
    """,
    "its own limits": """
        import resource, sys
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
        resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))
        print(sum(map(int, input().split())))
    """,
    "encodings": """
        "zażółć".encode("utf-16"); "e".encode("latin-1"); "ü.de".encode("idna"); b"x".decode("cp1252")
        print(sum(map(int, input().split())))
    """,
}


def test_every_module_of_common_use_imports(sandbox: Sandbox) -> None:
    assert len(MODULES.split()) >= 75
    code = f"""
import importlib
for name in {MODULES.split()!r}:
    try: importlib.import_module(name)
    except Exception as error: print(name, repr(error))
"""
    [outcome] = sandbox.stdio(code, [""])
    assert (outcome.status, outcome.output) == (Status.OK, ""), outcome


@pytest.mark.parametrize("code", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_honest_programs_pass(sandbox: Sandbox, code: str) -> None:
    result = sandbox.grade(dedent(code), [Test("1 2", "3"), Test("10 20", "30")])
    assert result.passed == 1, result


@pytest.mark.parametrize("name", [name for name in OFFERED if name != "T1"])
def test_files_that_programs_open_by_habit(name: str) -> None:
    code = """
        import os
        with open(os.devnull, "w") as null: null.write("x")
        assert os.fstat(0).st_size == 3
        print(sum(map(int, open("/dev/stdin").read().split())))
    """
    with Sandbox(tier=name, allow_unsandboxed=True) as sandbox:
        assert sandbox.grade(dedent(code), [Test("1 2", "3")]).passed == 1


# --- choosing and recording ------------------------------------------------------------------------------


def test_the_strongest_tier_is_taken_and_recorded() -> None:
    record = probe().describe()
    assert json.loads(json.dumps(record)) == record
    assert record["tier"] == OFFERED[0]
    layers = tier.layers_of(OFFERED[0])
    assert record["layers"] == list(layers)
    assert record["missing"] == [name for name in tier.COSTS if name not in layers]


def test_running_without_a_wall_is_opt_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="VULNGAMES_ALLOW_UNSANDBOXED=1") as refusal, Sandbox(tier="T0") as sandbox:
        sandbox.stdio("", [""])
    assert "\n" not in str(refusal.value)
    monkeypatch.setenv(tier.ALLOW_UNSANDBOXED, "1")
    with Sandbox(tier="T0") as sandbox:
        assert sandbox.stdio("", [""])[0].status is Status.OK


def test_an_unknown_tier_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match="unknown tier 'T9'; valid: T3, T2, T1, T0"), Sandbox(tier="T9") as sandbox:
        sandbox.stdio("", [""])


# What an outer sandbox takes away: (system call, first argument if only that one, what is done, what is then the best)
REFUSED = {
    "unshare": (272, None, "DENY", "T2"),
    "unshare is fatal": (272, None, "KILL", "T2"),
    "mount, half-way into the namespaces": (165, None, "DENY", "T2"),
    "pivot_root, still later": (155, None, "DENY", "T2"),
    "landlock_restrict_self": (446, None, "DENY", "T1"),
    "capset": (126, None, "DENY", "T0"),
    "a filter, which each child installs": (157, 22, "DENY", "T0"),
}


@pytest.mark.slow
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are for x86-64")
@pytest.mark.skipif(OFFERED[0] != "T3", reason="needs every tier")
@pytest.mark.parametrize(("number", "argument", "action", "best"), REFUSED.values(), ids=REFUSED.keys())
def test_a_layer_that_fails_half_way_leads_one_tier_lower(
    number: int, argument: int | None, action: str, best: str
) -> None:
    program = f"""
import ctypes, json
from vulngames.sandbox.zygote import kernel, seccomp
which = [] if {argument} is None else [(0x20, 0, 0, 16), (0x15, 0, 1, {argument})]
program = [(0x20, 0, 0, 0), (0x15, 0, 1 + len(which), {number}), *which, *seccomp.{action}, *seccomp.ALLOW]
filters = (seccomp._Filter * len(program))(*program)
kernel.prctl(kernel.NO_NEW_PRIVS, 1)
kernel.prctl(kernel.SECCOMP, 2, ctypes.byref(seccomp._Program(len(program), filters)))
from vulngames.sandbox import Sandbox, Test, probe
from vulngames.errors import UserError
record = probe().describe()
try:
    with Sandbox() as sandbox: record["passed"] = sandbox.grade("print(1)", [Test("", "1")]).passed
except UserError as error: record["passed"] = str(error)
print(json.dumps(record))
"""
    done = run(program)
    record = json.loads(done.stdout)
    assert record["tier"] == best, record
    assert list(record["refused"]) == list(tier.TIERS[: tier.TIERS.index(best)])
    if best == "T0":
        assert "VULNGAMES_ALLOW_UNSANDBOXED=1" in record["passed"]
    else:
        assert record["passed"] == 1
        assert done.stderr.count(f"UserWarning: vulngames.sandbox runs at tier {best}: without") == 1


def test_a_process_is_warned_once() -> None:
    program = """
from vulngames.sandbox import Sandbox
for _ in range(2):
    with Sandbox(tier="T0", allow_unsandboxed=True) as sandbox: sandbox.stdio("", [""])
"""
    assert run(program).stderr.count("UserWarning: vulngames.sandbox runs at tier T0: nothing confines") == 1


def run(program: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", program],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return done
