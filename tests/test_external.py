"""Sandboxes elsewhere, against stand-ins: the same outcomes as our own, and what is lost is said to be lost."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vulngames.errors import UserError
from vulngames.sandbox import Limits, Sandbox, Status, Test
from vulngames.sandbox.external import External, connect

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")

QUICK = Limits(wall_s=3, cpu_s=3, output_kb=16)
SUM = (Test("1 2", "3"), Test("10 20", "30"))
ADD = (Test("1\n2", "3"), Test("10\n20", "30"))

# In the place of docker: it does what it is asked without a container, and says what it was asked.
DOCKER = """#!{python}
import json, os, sys, time
words = sys.argv[1:]
if words[0] == "info":
    print("map[runc:{{}} runsc:{{}}]")
with open({log!r}, "a") as file:
    file.write(json.dumps(words) + "\\n")
if words[0] == "kill":
    sys.exit(os.path.exists({stuck!r}))
elif words[0] == "run":
    if os.path.exists({stuck!r}):
        time.sleep(20)
    image = words.index("python:3.12-slim")
    if os.path.exists({broken!r}):
        os.remove({broken!r}) if open({broken!r}).read() == "once" else None
        print("docker: Cannot connect to the daemon", file=sys.stderr)
        sys.exit(125)
    os.execv(sys.executable, [sys.executable, *words[image + 2:]])
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "docker"
    places = {name: str(tmp_path / name) for name in ("log", "broken", "stuck")}
    script.write_text(DOCKER.format(python=sys.executable, **places))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


class Server(BaseHTTPRequestHandler):
    """In the place of SandboxFusion; `reply`, where set, is what it says instead."""

    reply: Any = None
    asked: list[dict[str, Any]] = []  # noqa: RUF012
    fail = 0
    pause = 0.0

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Server.asked.append(asked)
        if Server.fail:
            Server.fail -= 1
            self.send_error(503)
            return
        said = json.dumps(self._run(asked) if Server.reply is None else Server.reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        for part in map(bytes, zip(said)) if Server.pause else [said]:
            self.wfile.write(part)
            time.sleep(Server.pause)

    def _run(self, asked: dict[str, Any]) -> dict[str, Any]:
        command = [sys.executable, "-I", "-X", "utf8", "-c", asked["code"]]
        try:
            done = subprocess.run(
                command, input=asked["stdin"], capture_output=True, text=True, timeout=asked["run_timeout"]
            )
        except subprocess.TimeoutExpired:
            return {"status": "Failed", "run_result": {"status": "TimeLimitExceeded"}}
        result = {"status": "Finished", "return_code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
        return {"status": "Failed" if done.returncode else "Success", "run_result": result}

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def fusion() -> Iterator[str]:
    Server.reply, Server.asked, Server.fail, Server.pause = None, [], 0, 0.0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["docker", "fusion"])
def backend(request: pytest.FixtureRequest) -> Any:
    found = request.getfixturevalue(request.param)
    return connect("docker:python:3.12-slim" if request.param == "docker" else f"fusion:{found}", QUICK)


BEHAVIOURS = {
    "right": ("print(sum(map(int, input().split())))", SUM, None, [Status.OK] * 2),
    "wrong": ("print(0)", SUM, None, [Status.WRONG] * 2),
    "raises": ("raise ValueError", SUM, None, [Status.RUNTIME_ERROR] * 2),
    "exits": ("import sys\nprint(sum(map(int, input().split())))\nsys.exit(3)", SUM, None, [Status.RUNTIME_ERROR] * 2),
    "loops": ("while True: pass", SUM, None, [Status.TIMEOUT] * 2),
    "floods": ("print('x' * 100_000)", SUM, None, [Status.OUTPUT_LIMIT] * 2),
    "function": ("def add(a, b):\n    return a + b", ADD, "add", [Status.OK] * 2),
    "method": ("class Solution:\n    def add(self, a, b):\n        return a + b", ADD, "Solution.add", [Status.OK] * 2),
    "prints": ("def add(a, b):\n    print('noise')\n    return a + b", ADD, "add", [Status.OK] * 2),
    "True for 1": ("def add(a, b):\n    return True", (Test("0\n1", "1"),), "add", [Status.OK]),
    "2 for true": ("def add(a, b):\n    return 2", (Test("0\n1", "true"),), "add", [Status.WRONG]),
    "names without import": (
        "class Solution:\n    def add(self, a: Optional[int], b): return Counter(x=a)['x'] + gcd(b, 0) + int(inf == 0)",
        ADD,
        "Solution.add",
        [Status.OK] * 2,
    ),
    "no name of the prelude's stands in": ("def sub(a, b):\n    return 0", ADD, "add", [Status.RUNTIME_ERROR] * 2),
    "as long as expected": ("print('x' * 100_000)", (Test("", "x" * 100_000),), None, [Status.OK]),
    "as long as expected, by a call": (
        "def f(n):\n    return list(range(n))",
        (Test("20000", json.dumps(list(range(20_000)))),),
        "f",
        [Status.OK],
    ),
    "always equal": (
        "class E:\n    __eq__ = lambda *_: True\ndef add(a, b):\n    return E()",
        ADD,
        "add",
        [Status.RUNTIME_ERROR] * 2,
    ),
    "leaves": ("import os\ndef add(a, b):\n    os._exit(0)", ADD, "add", [Status.RUNTIME_ERROR] * 2),
    "answers twice": (
        "import os\ndef add(a, b):\n    for fd in range(3, 9):\n        try: os.write(fd, b'[0, \"ok\", 3]\\n')\n"
        "        except OSError: pass\n    return 0",
        ADD,
        "add",
        [Status.PROTOCOL_VIOLATION] * 2,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_what_is_graded_elsewhere_is_graded_as_here(backend: External, name: str) -> None:
    code, tests, entry, statuses = BEHAVIOURS[name]
    assert list(backend.grade(code, tests, entry).statuses) == statuses
    with Sandbox(QUICK) as ours:
        assert list(ours.grade(code, tests, entry).statuses) == statuses


def test_a_backend_says_what_it_is(docker: Path) -> None:
    said = connect("docker:python:3.12-slim", QUICK).provenance()
    assert said["tier"] == "docker:python:3.12-slim" and said["layers"] == ["container", "runsc"]
    assert connect("fusion:http://host").provenance()["tier"] == "fusion:http://host"


def test_expected_outputs_are_not_sent(fusion: str) -> None:
    connect(f"fusion:{fusion}", QUICK).grade("print(input())", [Test("question", "SECRET")])
    connect(f"fusion:{fusion}", QUICK).grade("def f(x): return x", [Test("1", '"SECRET"')], "f")
    assert Server.asked and "SECRET" not in json.dumps(Server.asked)


def test_what_a_container_is_started_with(docker: Path) -> None:
    connect("docker:python:3.12-slim", QUICK).grade("print(3)", SUM)
    words = asked_of(docker)[1]
    said = " ".join(words)
    for needed in (
        "--runtime runsc", "--network none", "--read-only", "--cap-drop ALL", "no-new-privileges", "--rm", "--init",
        "--ulimit cpu=3:4",
    ):  # fmt: skip
        assert needed in said
    assert "SECRET" not in said


def asked_of(docker: Path) -> list[list[str]]:
    """What docker was asked, in order; first of all what it knows."""
    return [json.loads(line) for line in (docker / "log").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("while True: pass", Status.TIMEOUT),
        ("print('x' * 100_000)", Status.OUTPUT_LIMIT),
        ("import os\nos.kill(os.getpid(), 9)", Status.RUNTIME_ERROR),
    ],
)
def test_no_container_outlives_its_run(docker: Path, code: str, status: Status) -> None:
    grade = connect("docker:python:3.12-slim", Limits(wall_s=1, output_kb=16)).grade(code, SUM[:1])
    _, run, kill = asked_of(docker)
    assert grade.statuses == (status,) and kill == ["kill", run[run.index("--name") + 1]]


@pytest.mark.slow
def test_a_container_that_has_not_had_its_share_of_the_processor_is_waited_for(docker: Path) -> None:
    code = "import time\nbegan = time.process_time()\nwhile time.process_time() - began < 1: pass\nprint(3)"
    assert connect("docker:python:3.12-slim", Limits(wall_s=1, output_kb=16)).grade(code, SUM[:1]).passed == 1


@pytest.mark.parametrize(
    ("code", "status"), [("bytearray(1 << 30)", Status.MEMORY), ("import os\nos._exit(128 + 24)", Status.TIMEOUT)]
)
def test_a_limit_of_a_container_is_named(docker: Path, code: str, status: Status) -> None:
    # The second ends as the first process of a container has it end that was stopped at its processor time.
    limits = Limits(wall_s=5, memory_mb=300)
    assert connect("docker:python:3.12-slim", limits).grade(code, SUM[:1]).statuses == (status,)


@pytest.mark.slow
def test_a_container_that_never_starts_is_not_a_program_that_is_slow(docker: Path) -> None:
    (docker / "stuck").touch()
    grade = connect("docker:python:3.12-slim", Limits(wall_s=0.5)).grade("print(3)", SUM)
    assert set(grade.statuses) == {Status.INFRA_ERROR} and "did not start" in str(grade.error)


@pytest.mark.parametrize("code", [125, 126, 127])
def test_an_exit_status_of_docker_s_is_no_way_out(docker: Path, code: int) -> None:
    grade = connect("docker:python:3.12-slim", QUICK).grade(f"import os\nos._exit({code})", SUM)
    assert set(grade.statuses) == {Status.SECURITY_VIOLATION} and grade.error is None


@pytest.mark.parametrize("code", ["print('\ud800')", "print('x' * 1_000_000)"], ids=ascii)
def test_what_a_server_chokes_on_is_no_way_out(fusion: str, code: str) -> None:
    grade = connect(f"fusion:{fusion}", QUICK).grade(code, SUM)
    assert grade.error is None and grade.passed == 0


@pytest.mark.parametrize("how", ["once", "always"])
def test_docker_that_does_not_run(docker: Path, how: str) -> None:
    (docker / "broken").write_text(how)
    grade = connect("docker:python:3.12-slim", QUICK).grade("print(sum(map(int, input().split())))", SUM)
    if how == "once":
        assert grade.passed == 1.0
    else:
        assert set(grade.statuses) == {Status.INFRA_ERROR} and "Cannot connect" in str(grade.error)


@pytest.mark.parametrize("failures", [1, 4])
def test_a_server_that_fails(fusion: str, failures: int) -> None:
    Server.fail = failures
    grade = connect(f"fusion:{fusion}", QUICK).grade("print(sum(map(int, input().split())))", SUM)
    if failures == 1:
        assert grade.passed == 1.0
    else:
        assert set(grade.statuses) == {Status.INFRA_ERROR} and "503" in str(grade.error)


@pytest.mark.slow
@pytest.mark.parametrize(
    "reply",
    [
        {},
        [],
        "ok",
        {"status": "SandboxError", "message": "no"},
        {"status": "Success", "run_result": None},
        {"status": "Success", "run_result": {"status": "Finished", "return_code": "0", "stdout": "3"}},
        {"status": "Success", "run_result": {"status": "Finished", "return_code": 0, "stdout": ["3"]}},
        {"status": "Success", "run_result": {"status": "Error", "return_code": 0, "stdout": "3"}},
    ],
    ids=str,
)
def test_a_reply_that_makes_no_sense_is_no_pass(fusion: str, reply: Any) -> None:
    Server.reply = reply
    grade = connect(f"fusion:{fusion}", QUICK).grade("print(3)", SUM)
    assert set(grade.statuses) == {Status.INFRA_ERROR}


def test_a_server_that_dawdles(fusion: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vulngames.sandbox.fusion._GRACE_S", 0.0)
    Server.pause = 0.05
    grade = connect(f"fusion:{fusion}", Limits(wall_s=0.5)).grade("print(3)", SUM[:1])
    assert grade.statuses == (Status.INFRA_ERROR,)


def test_nobody_listens() -> None:
    began = time.monotonic()
    grade = connect("fusion:http://127.0.0.1:9", QUICK).grade("print(3)", SUM)
    assert set(grade.statuses) == {Status.INFRA_ERROR} and time.monotonic() - began < 30


@pytest.mark.parametrize("name", ["", "podman:x", "docker:", "fusion:", "fusion:host:80", "local:"])
def test_no_such_sandbox(name: str) -> None:
    with pytest.raises(UserError, match="unknown sandbox"):
        connect(name)


def test_no_docker_to_be_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="needs the docker command"):
        connect("docker:python:3.12-slim")
