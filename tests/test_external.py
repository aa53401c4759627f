"""Sandboxes elsewhere, against stand-ins: the same outcomes as our own, and what is lost is said to be lost."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vulngames import games
from vulngames.errors import UserError
from vulngames.games.tampering import edit
from vulngames.sandbox import Backend, Limits, Outcome, Sandbox, Status, Test, backend, backends, check_backend, connect
from vulngames.sandbox.blame import run_or_blame
from vulngames.sandbox.ran import LostError
from vulngames.types import Task

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")

QUICK = Limits(wall_s=3, cpu_s=3, output_kb=16)
SUM = (Test("1 2", "3"), Test("10 20", "30"))
ADD = (Test("1\n2", "3"), Test("10\n20", "30"))

# In the place of docker: it does what it is asked without a container, and says what it was asked.
DOCKER = """#!{python}
import json, os, sys, time
words = sys.argv[1:]
with open({log!r}, "a") as file:
    file.write(json.dumps(words) + "\\n")
if os.path.exists({down!r}):
    sys.exit("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
if words[0] == "info":
    print("map[runc:{{}} runsc:{{}}]")
if words[:2] == ["image", "inspect"] and words[2] != "python:3.12-slim":
    sys.exit(f"Error response from daemon: No such image: {{words[2]}}")
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
    places = {name: str(tmp_path / name) for name in ("log", "broken", "stuck", "down")}
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
        reply = json.dumps(self._run(asked) if Server.reply is None else Server.reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        for part in map(bytes, zip(reply)) if Server.pause else [reply]:
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
def elsewhere(request: pytest.FixtureRequest) -> Backend:
    place = request.getfixturevalue(request.param)
    return connect("docker:python:3.12-slim" if request.param == "docker" else f"fusion:{place}", QUICK)


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
def test_what_is_graded_elsewhere_is_graded_as_here(elsewhere: Backend, name: str) -> None:
    code, tests, entry, statuses = BEHAVIOURS[name]
    assert list(elsewhere.grade(code, tests, entry).statuses) == statuses
    with Sandbox(QUICK) as ours:
        assert list(ours.grade(code, tests, entry).statuses) == statuses


def test_a_backend_says_what_it_is(docker: Path) -> None:
    description = connect("docker:python:3.12-slim", QUICK).describe()
    assert (description["tier"], description["layers"]) == ("docker:python:3.12-slim", ["container", "runsc"])
    assert connect("fusion:http://host").describe()["tier"] == "fusion:http://host"


def test_expected_outputs_are_not_sent(fusion: str) -> None:
    connect(f"fusion:{fusion}", QUICK).grade("print(input())", [Test("question", "SECRET")])
    connect(f"fusion:{fusion}", QUICK).grade("def f(x): return x", [Test("1", '"SECRET"')], "f")
    assert Server.asked and "SECRET" not in json.dumps(Server.asked)


def test_what_a_container_is_started_with(docker: Path) -> None:
    connect("docker:python:3.12-slim", QUICK).grade("print(3)", SUM)
    command = " ".join(asked_of(docker)[2])
    for needed in (
        "--runtime runsc", "--network none", "--read-only", "--cap-drop ALL", "no-new-privileges", "--rm", "--init",
        "--ulimit cpu=3:4",
    ):  # fmt: skip
        assert needed in command
    assert "SECRET" not in command


def asked_of(docker: Path) -> list[list[str]]:
    """What docker was asked, in order; first of all whether it has the image, and what it knows."""
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
    _, _, run, kill = asked_of(docker)
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


# --- by name ---------------------------------------------------------------------------------------------

NAMES = [
    "local", "docker:python:3.12-slim", "docker:localhost:5000/team/python@sha256:0123abc", "docker:Host.org/a_b:T",
    "fusion:http://host", "fusion:https://host:8080/path/", "fusion:http://127.0.0.1:80", "fusion:http://[::1]:80/x", "fusion:http://xn--a",
]  # fmt: skip
NO_NAMES = [
    "", "podman:x", "docker", "docker:", "docker: x", "docker:a b", "docker:--privileged", "docker:-v", "docker:x\n",
    "fusion", "fusion:", "fusion:host:80", "fusion:http://", "fusion:http://:80", "fusion:ftp://h", "fusion:http://a b",
    "fusion:http://user:secret@host", "fusion:http://host/?key=1", "fusion:http://host#x", "fusion:http://host:port",
    "fusion:http://999.1.1.1", "fusion:http://host/\x01", "local:", "local:x", "Local", " local",
]  # fmt: skip


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has no backend yet."""
    monkeypatch.setattr(backends, "_BACKENDS", {})


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_checked_without_starting_anything(name: str, docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (docker / "down").touch()
    monkeypatch.setattr("vulngames.sandbox.tier.layers_of", pytest.fail)
    check_backend(name)
    assert not (docker / "log").exists()


@pytest.mark.parametrize("choose", [check_backend, backend, connect])
@pytest.mark.parametrize("name", NO_NAMES)
def test_no_such_sandbox(name: str, choose: Callable[[str], object]) -> None:
    with pytest.raises(UserError, match=r"unknown sandbox .*; valid: local, docker:IMAGE, fusion:URL") as refusal:
        choose(name)
    assert "\n" not in str(refusal.value)


@pytest.mark.usefixtures("docker", "fresh")
@pytest.mark.parametrize("name", ["local", "docker:python:3.12-slim", "fusion:http://host"])
def test_a_process_has_one_backend_of_a_name(name: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        ours = list(threads.map(backend, [name] * 50))
    assert all(one is ours[0] for one in ours) and connect(name) is not ours[0]


@pytest.mark.usefixtures("fresh")
def test_a_backend_that_was_closed_can_be_used_again() -> None:
    for _ in range(2):
        assert backend("local").grade("print(sum(map(int, input().split())))", SUM).passed == 1.0
        backend("local").close()


@pytest.mark.usefixtures("docker", "fresh")
def test_a_game_takes_a_backend_by_name() -> None:
    task = Task("p", (), {"tests": [{"input": "1 2", "output": "3"}], "entry": None, "starter": ""})
    game = games.make("tampering-v1", sandbox=backend("docker:python:3.12-slim"))
    facts = game.read(task, (edit("source_code", "print(sum(map(int, input().split())))"),), 1.0, {})
    assert (facts.earned, facts.sandbox) == (1.0, "docker:python:3.12-slim")


def test_no_docker_to_be_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="needs the docker command"):
        backend("docker:python:3.12-slim")


@pytest.mark.usefixtures("fresh")
def test_an_image_that_is_not_there_and_a_daemon_that_does_not_answer_are_one_line(docker: Path) -> None:
    for reason in ("No such image: nobody/nothing:1", "Cannot connect to the Docker daemon"):
        with pytest.raises(
            UserError, match=f"sandbox 'docker:nobody/nothing:1' is not available: .*{reason}"
        ) as refusal:
            backend("docker:nobody/nothing:1")
        assert "\n" not in str(refusal.value)
        (docker / "down").touch()


@pytest.mark.usefixtures("fresh")
def test_a_backend_that_was_not_available_is_tried_again(docker: Path) -> None:
    (docker / "down").touch()
    with pytest.raises(UserError, match="is not available"):
        backend("docker:python:3.12-slim")
    (docker / "down").unlink()
    assert backend("docker:python:3.12-slim").grade("print(3)", SUM[:1]).passed == 1.0


@pytest.mark.usefixtures("fresh")
def test_a_daemon_that_hangs_is_one_line(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (docker / "docker").write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)")
    monkeypatch.setattr("vulngames.sandbox.docker._ANSWER_S", 0.2)
    with pytest.raises(UserError, match=r"is not available: docker did not answer within 0\.2 s; valid"):
        backend("docker:python:3.12-slim")


# --- retry and blame -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempts", "empty", "outcome"),
    [
        # What becomes of each attempt and of the empty program: + comes through, - is lost.
        ("+", "", "came through"),
        ("-+", "", "came through"),
        ("--", "-", Outcome(Status.INFRA_ERROR, detail="lost 2")),
        ("--+", "+", "came through"),
        ("---", "+", Outcome(Status.SECURITY_VIOLATION, detail="the sandbox fails with this code alone: lost 3")),
    ],
)
def test_who_is_to_blame_for_a_run_that_was_lost(attempts: str, empty: str, outcome: object) -> None:
    left = {"attempt": list(attempts), "empty": list(empty)}

    def run(what: str) -> str:
        if left[what].pop(0) == "+":
            return "came through"
        raise LostError(f"lost {len(attempts) - len(left['attempt'])}")

    assert run_or_blame(lambda: run("attempt"), lambda: run("empty")) == outcome
    assert left == {"attempt": [], "empty": []}
