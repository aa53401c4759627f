"""The endpoint policy against a fake endpoint: what is sent, what is tried again, what is an error; and keys."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from email.utils import format_datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from vulngames.errors import UserError
from vulngames.games import make
from vulngames.policies import Sampling, api, load
from vulngames.policies.api import APIPolicy
from vulngames.rollout import rollout
from vulngames.tasks import take
from vulngames.types import Conversation, Message, Reply, Turn

KEY = "sk-never-to-be-seen-1234567890"
ASK = Turn((Message(role="user", content="hello"),))

Answer = tuple[int, dict[str, str], bytes]


def good(text: Any = "hi", **more: Any) -> Answer:
    return 200, {}, json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}], **more}).encode()


@dataclass
class Endpoint:
    """A fake endpoint; `answer` is given the number of the request, from 0, and what was asked."""

    url: str = ""
    answer: Callable[[int, dict[str, Any]], Answer] = lambda number, asked: good()
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def policy(self, **changes: Any) -> APIPolicy:
        settings = {"concurrency": 4, "timeout_s": 5.0, "backoff_s": 0.01, "sampling": Sampling(), **changes}
        return APIPolicy(name="api:m", model="m", url=f"{self.url}/v1", **settings)

    def write(self, n: int = 1, turn: Turn = ASK, **changes: Any) -> list[Reply]:
        return self.policy(**changes).write([ASK.messages] * n, turn, seed=7)


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with endpoint.lock:
                number = len(endpoint.asked)
                endpoint.asked.append(asked)
                endpoint.paths.append(self.path)
                endpoint.keys.append(self.headers["Authorization"])
                endpoint.times.append(time.monotonic())
            status, headers, body = endpoint.answer(number, asked)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for start in range(0, len(body), 1 << 20):
                    self.wfile.write(body[start : start + (1 << 20)])
            except (BrokenPipeError, ConnectionResetError):
                pass  # the policy gave up, as a test asks it to

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in api.KEYS:
        monkeypatch.delenv(name, raising=False)
    endpoint = Endpoint()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(endpoint))
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield endpoint
    server.shutdown()
    thread.join()
    server.server_close()


# --- what is sent ----------------------------------------------------------------------------------------


def test_request_holds_the_sampling_and_the_turn(endpoint: Endpoint) -> None:
    how = Sampling(temperature=0.6, top_p=0.95, max_tokens=99)
    conversation: Conversation = (*ASK.messages, Reply("hi"), Message(role="user", content="right?"))
    assert endpoint.policy(sampling=how).write([conversation], Turn((), max_tokens=5), seed=1) == [Reply("hi")]
    (asked,) = endpoint.asked
    assert endpoint.paths == ["/v1/chat/completions"]
    assert (asked["model"], asked["temperature"], asked["top_p"], asked["max_tokens"]) == ("m", 0.6, 0.95, 5)
    assert "top_k" not in asked
    assert [(m["role"], m["content"]) for m in asked["messages"]] == [
        ("user", "hello"),
        ("assistant", "hi"),
        ("user", "right?"),
    ]


def test_greedy_is_temperature_zero(endpoint: Endpoint) -> None:
    endpoint.write(turn=Turn((), greedy=True), sampling=Sampling(temperature=0.6, top_p=0.9, top_k=20, max_tokens=99))
    assert endpoint.asked[0]["temperature"] == 0
    assert endpoint.asked[0]["max_tokens"] == 99
    assert not {"top_p", "top_k"} & endpoint.asked[0].keys()


def test_top_k_is_sent_where_it_is_asked_for(endpoint: Endpoint) -> None:
    endpoint.write(sampling=Sampling(top_k=20))
    assert endpoint.asked[0]["top_k"] == 20


def test_equal_prompts_get_seeds_of_their_own_and_equal_calls_equal_seeds(endpoint: Endpoint) -> None:
    def seeds(seed: int) -> list[int]:
        endpoint.asked.clear()
        endpoint.policy(concurrency=1).write([ASK.messages] * 8, ASK, seed)
        return [asked["seed"] for asked in endpoint.asked]

    first = seeds(1)
    assert len(set(first)) == 8 and all(0 <= seed < 2**31 for seed in first)
    assert seeds(1) == first
    assert not set(seeds(2)) & set(first)


def test_replies_keep_their_order_and_requests_run_together(endpoint: Endpoint) -> None:
    together, most = 0, 0

    def answer(number: int, asked: dict[str, Any]) -> Answer:
        nonlocal together, most
        with endpoint.lock:
            together += 1
            most = max(most, together)
        text = asked["messages"][0]["content"]
        time.sleep(0.05 if int(text) % 2 else 0.01)
        with endpoint.lock:
            together -= 1
        return good(text)

    endpoint.answer = answer
    conversations = [(Message(role="user", content=str(i)),) for i in range(20)]
    replies = endpoint.policy(concurrency=4).write(conversations, ASK, seed=0)
    assert [reply.text for reply in replies] == [str(i) for i in range(20)]
    assert 2 <= most <= 4


def test_no_conversations_no_requests(endpoint: Endpoint) -> None:
    assert endpoint.write(0) == [] and endpoint.asked == []


def test_a_lone_surrogate_survives_in_a_prompt_and_is_replaced_in_a_reply(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: good("a\ud800b")
    assert endpoint.policy().write([(Message(role="user", content="\ud800"),)], ASK, 0) == [Reply("a?b")]


# --- what comes back -------------------------------------------------------------------------------------


def test_empty_text_is_a_reply(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: good("")
    assert endpoint.write() == [Reply("")]


NONSENSE = {
    "HTML": (b"<html><body>Welcome</body></html>", "other than JSON"),
    "empty": (b"", "other than JSON"),
    "not UTF-8": (b'{"choices": [{"message": {"content": "\xff"}}]}', "other than JSON"),
    "deep": (b"[" * 200_000, "other than JSON"),
    "list": (b"[1]", "no choices"),
    "no choices": (b'{"id": "x"}', "no choices"),
    "null choices": (b'{"choices": null}', "no choices"),
    "empty choices": (b'{"choices": []}', "no choices"),
    "no message": (b'{"choices": [{}]}', "no choices"),
    "a number": (b'{"choices": [{"message": {"content": 1}}]}', "no choices"),
    "null content": (b'{"choices": [{"message": {"content": null}}]}', "null content"),
    "an error as success": (b'{"error": {"message": "model overloaded"}}', "model overloaded"),
}


@pytest.mark.parametrize(("body", "said"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_an_error_at_once(endpoint: Endpoint, body: bytes, said: str) -> None:
    endpoint.answer = lambda number, asked: (200, {}, body)
    (reply,) = endpoint.write()
    assert reply.text == "" and said in reply.error and endpoint.url in reply.error
    assert "\n" not in reply.error and len(reply.error) <= 300
    assert len(endpoint.asked) == 1


def test_a_broken_content_encoding_is_an_error(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: (200, {"Content-Encoding": "gzip"}, b"plain")
    assert "Content-Encoding" in endpoint.write()[0].error


def test_an_endless_answer_is_cut(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_LARGEST_ANSWER_BYTES", 2 << 20)
    endpoint.answer = lambda number, asked: (200, {}, b"x" * (8 << 20))
    assert "more than 2 MiB" in endpoint.write()[0].error


@pytest.mark.parametrize("status", [500, 502, 503, 529, 429])
def test_it_is_tried_again_then_given_up(endpoint: Endpoint, status: int) -> None:
    endpoint.answer = lambda number, asked: (status, {}, b"<html>\nsorry\n</html>")
    (reply,) = endpoint.write(attempts=3)
    assert reply == Reply("", error=f"{endpoint.url}/v1 answered {status} (3 attempts)")
    assert len(endpoint.asked) == 3


def test_default_attempts_and_concurrency() -> None:
    policy = APIPolicy.parse("m@http://localhost")
    assert (policy.attempts, policy.concurrency) == (4, 16)


@pytest.mark.parametrize("status", [500, 429])
def test_it_recovers(endpoint: Endpoint, status: int) -> None:
    endpoint.answer = lambda number, asked: (status, {}, b"") if number < 2 else good()
    assert endpoint.write() == [Reply("hi")]
    assert [asked["seed"] for asked in endpoint.asked] == [endpoint.asked[0]["seed"]] * 3


@pytest.mark.parametrize("status", [400, 404, 422, 301])
def test_other_refusals_are_not_tried_again(endpoint: Endpoint, status: int) -> None:
    body = json.dumps({"error": {"message": "no such\nmodel \x1b[31m m"}}).encode()
    endpoint.answer = lambda number, asked: (status, {"Location": "/elsewhere"}, body)
    (reply,) = endpoint.write()
    assert reply.error == f"{endpoint.url}/v1 answered {status}: no such model [31m m"
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_the_variables(endpoint: Endpoint, status: int) -> None:
    endpoint.answer = lambda number, asked: (status, {}, b'{"error": {"message": "bad key sk-nev***890"}}')
    (reply,) = endpoint.write()
    assert str(status) in reply.error and all(name in reply.error for name in api.KEYS)
    assert "sk-" not in reply.error and len(endpoint.asked) == 1


def test_retry_after_is_honoured(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: (429, {"Retry-After": "0.4"}, b"") if number == 0 else good()
    assert endpoint.write(backoff_s=0.0) == [Reply("hi")]
    assert endpoint.times[1] - endpoint.times[0] >= 0.4


def test_retry_after_has_a_cap(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_LONGEST_WAIT_S", 0.05)
    endpoint.answer = lambda number, asked: (429, {"Retry-After": "99999"}, b"") if number == 0 else good()
    start = time.monotonic()
    assert endpoint.write() == [Reply("hi")]
    assert time.monotonic() - start < 3


def test_retry_after_is_read_in_both_forms() -> None:
    from datetime import UTC, datetime, timedelta

    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert api._retry_after("7") == 7
    assert 50 < (api._retry_after(in_a_minute) or 0) <= 60
    assert api._retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert api._retry_after("soon") is None and api._retry_after("-1") is None and api._retry_after(None) is None


def test_pauses_double_and_jitter(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(api.time, "sleep", pauses.append)
    endpoint.answer = lambda number, asked: (500, {}, b"")
    endpoint.write(4, attempts=4, backoff_s=1.0, concurrency=1)
    for i, first in enumerate((0, 3, 6, 9)):
        for doubled, pause in zip((1, 2, 4), pauses[first : first + 3], strict=True):
            assert 0.5 * doubled <= pause < 1.5 * doubled, i
    assert len(set(pauses)) == 12


def test_a_hanging_endpoint_is_left(endpoint: Endpoint) -> None:
    released = threading.Event()

    def answer(number: int, asked: dict[str, Any]) -> Answer:
        released.wait(10)
        return good()

    endpoint.answer = answer
    start = time.monotonic()
    (reply,) = endpoint.write(timeout_s=0.3, attempts=2)
    released.set()
    assert reply.error == f"{endpoint.url}/v1 gave no answer within 0.3 s (2 attempts)"
    assert time.monotonic() - start < 5 and len(endpoint.asked) == 2


def test_a_trickling_endpoint_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    stop = threading.Event()

    def trickle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not stop.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        policy = APIPolicy("api:m", "m", url, Sampling(), attempts=1, timeout_s=0.4)
        (reply,) = policy.write([ASK.messages], ASK, 0)
        stop.set()
        thread.join()
    assert "gave no answer within 0.4 s" in reply.error


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        (reply,) = APIPolicy("api:m", "m", url, Sampling(), attempts=2, backoff_s=0.0).write([ASK.messages], ASK, 0)
    assert reply.error.startswith(f"{url} cannot be reached: ") and reply.error.endswith("(2 attempts)")


def test_a_failed_sample_is_recorded_and_never_rewarded(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: (500, {}, b"") if number % 2 else good(r"\boxed{1}")
    game, tasks = make("self-grading"), take("self-grading-v1", 0, "train", 4)
    samples = rollout(game, tasks, endpoint.policy(attempts=1, concurrency=1), ["t"])
    failed = [sample for sample in samples if sample.error]
    assert failed and all(s.reward is None and s.exploited is None for s in failed)
    assert all(s.reward is not None for s in samples if not s.error)


# --- keys and names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("names", "used"), [((0, 1), 0), ((0,), 0), ((1,), 1), ((), None)])
def test_which_key_is_sent(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, names: tuple[int, ...], used: int | None
) -> None:
    for i in names:
        monkeypatch.setenv(api.KEYS[i], f" key-{i}\n")
    endpoint.write()
    assert endpoint.keys == [None if used is None else f"Bearer key-{used}"]


def test_the_key_is_nowhere_but_in_the_header(
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    # Every answer repeats what was sent, the last one across the place where an error is cut.
    echoes = [f"you sent {KEY}", "x" * 250 + KEY]
    policy = endpoint.policy(attempts=1)
    errors = []
    for status in (400, 401, 403, 404, 429, 500):
        for echo in echoes:
            body = json.dumps({"error": {"message": echo}}).encode()
            endpoint.answer = partial(lambda answer, number, asked: answer, (status, {}, body))
            errors += [reply.error for reply in policy.write([ASK.messages], ASK, 0)]
    assert set(endpoint.keys) == {f"Bearer {KEY}"}
    seen = "\n".join([*errors, repr(policy), json.dumps(asdict(policy)), *capfd.readouterr()])
    for piece in (KEY, KEY[:12]):
        assert piece not in seen
        assert all(piece not in r.getMessage() for r in caplog.records)
    assert "[OPENAI_API_KEY]" in seen


@pytest.mark.parametrize("key", ["two words", "line\nline", "schl\u00fcssel"])
def test_a_key_no_header_can_hold_is_the_users_error(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("VULNGAMES_API_KEY", key)
    with pytest.raises(UserError, match="VULNGAMES_API_KEY holds characters") as error:
        APIPolicy.parse("m@http://localhost").write([ASK.messages], ASK, 0)
    assert key not in str(error.value)


@pytest.mark.parametrize(
    ("name", "model", "url"),
    [
        ("m@http://localhost:8000", "m", "http://localhost:8000/v1"),
        ("m@http://localhost:8000/", "m", "http://localhost:8000/v1"),
        ("m@http://localhost:8000/v1", "m", "http://localhost:8000/v1"),
        ("m@http://localhost:8000/v1/", "m", "http://localhost:8000/v1"),
        ("org/m:free@https://openrouter.ai/api/v1", "org/m:free", "https://openrouter.ai/api/v1"),
        ("m@2024@https://host/openai", "m@2024", "https://host/openai"),
        ("m@http://[::1]:8000", "m", "http://[::1]:8000/v1"),
    ],
)
def test_parse(name: str, model: str, url: str) -> None:
    policy = load(f"api:{name}", make("proxy"), Sampling(temperature=0.5))
    assert isinstance(policy, APIPolicy)
    assert (policy.name, policy.model, policy.url, policy.sampling.temperature) == (f"api:{name}", model, url, 0.5)


@pytest.mark.parametrize(
    "name",
    [
        "m",
        "m@",
        "@http://h",
        "m@localhost:8000",
        "m@ftp://h",
        "m@http://",
        "m@http://h:port",
        "m@http://h/v1?key=s3cret",
        "m@http://h/v1#s3cret",
        "m@http://me:s3cret@h/v1",
        "m@https://s3cret@h",
    ],
)
def test_parse_refuses(name: str) -> None:
    with pytest.raises(UserError, match="valid: api:MODEL@URL") as error:
        APIPolicy.parse(name)
    assert "\n" not in str(error.value) and "s3cret" not in str(error.value)
