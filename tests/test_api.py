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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from vulngames.errors import UserError
from vulngames.games import make
from vulngames.policies import Sampling, api, load, route
from vulngames.policies.api import APIPolicy
from vulngames.rollouts import rollout
from vulngames.runs import load_run
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

    def generate(self, n: int = 1, turn: Turn = ASK, **changes: Any) -> list[Reply]:
        return self.policy(**changes).generate([ASK.messages] * n, turn, seed=7)


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
    assert endpoint.policy(sampling=how).generate([conversation], Turn((), max_tokens=5), seed=1) == [Reply("hi")]
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
    endpoint.generate(
        turn=Turn((), greedy=True), sampling=Sampling(temperature=0.6, top_p=0.9, top_k=20, max_tokens=99)
    )
    assert endpoint.asked[0]["temperature"] == 0
    assert endpoint.asked[0]["max_tokens"] == 99
    assert not {"top_p", "top_k"} & endpoint.asked[0].keys()


def test_top_k_is_sent_where_it_is_asked_for(endpoint: Endpoint) -> None:
    endpoint.generate(sampling=Sampling(top_k=20))
    assert endpoint.asked[0]["top_k"] == 20


def test_equal_prompts_get_seeds_of_their_own_and_equal_calls_equal_seeds(endpoint: Endpoint) -> None:
    def seeds(seed: int) -> list[int]:
        endpoint.asked.clear()
        endpoint.policy(concurrency=1).generate([ASK.messages] * 8, ASK, seed)
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
    replies = endpoint.policy(concurrency=4).generate(conversations, ASK, seed=0)
    assert [reply.text for reply in replies] == [str(i) for i in range(20)]
    assert 2 <= most <= 4


def test_no_conversations_no_requests(endpoint: Endpoint) -> None:
    assert endpoint.generate(0) == [] and endpoint.asked == []


def test_a_lone_surrogate_survives_in_a_prompt_and_is_replaced_in_a_reply(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: good("a\ud800b")
    assert endpoint.policy().generate([(Message(role="user", content="\ud800"),)], ASK, 0) == [Reply("a?b")]


# --- what comes back -------------------------------------------------------------------------------------


def test_empty_text_is_a_reply(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: good("")
    assert endpoint.generate() == [Reply("")]


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
    (reply,) = endpoint.generate()
    assert reply.text == "" and said in reply.error and endpoint.url in reply.error
    assert "\n" not in reply.error and len(reply.error) <= 300
    assert len(endpoint.asked) == 1


def test_a_broken_content_encoding_is_an_error(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: (200, {"Content-Encoding": "gzip"}, b"plain")
    assert "Content-Encoding" in endpoint.generate()[0].error


def test_an_endless_answer_is_cut(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_LARGEST_ANSWER_BYTES", 2 << 20)
    endpoint.answer = lambda number, asked: (200, {}, b"x" * (8 << 20))
    assert "more than 2 MiB" in endpoint.generate()[0].error


@pytest.mark.parametrize("status", [500, 502, 503, 529, 429])
def test_it_is_tried_again_then_given_up(endpoint: Endpoint, status: int) -> None:
    endpoint.answer = lambda number, asked: (status, {}, b"<html>\nsorry\n</html>")
    (reply,) = endpoint.generate(attempts=3)
    assert reply == Reply("", error=f"{endpoint.url}/v1 answered {status} (3 attempts)")
    assert len(endpoint.asked) == 3


def test_default_attempts_and_concurrency() -> None:
    policy = APIPolicy.parse("m@http://localhost")
    assert (policy.attempts, policy.concurrency) == (4, 16)


@pytest.mark.parametrize("status", [500, 429])
def test_it_recovers(endpoint: Endpoint, status: int) -> None:
    endpoint.answer = lambda number, asked: (status, {}, b"") if number < 2 else good()
    assert endpoint.generate() == [Reply("hi")]
    assert [asked["seed"] for asked in endpoint.asked] == [endpoint.asked[0]["seed"]] * 3


@pytest.mark.parametrize("status", [400, 404, 422, 301])
def test_other_refusals_are_not_tried_again(endpoint: Endpoint, status: int) -> None:
    body = json.dumps({"error": {"message": "no such\nmodel \x1b[31m m"}}).encode()
    endpoint.answer = lambda number, asked: (status, {"Location": "/elsewhere"}, body)
    (reply,) = endpoint.generate()
    assert reply.error == f"{endpoint.url}/v1 answered {status}: no such model [31m m"
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_the_variables(endpoint: Endpoint, status: int) -> None:
    endpoint.answer = lambda number, asked: (status, {}, b'{"error": {"message": "bad key sk-nev***890"}}')
    (reply,) = endpoint.generate()
    assert str(status) in reply.error and all(name in reply.error for name in api.KEYS)
    assert "sk-" not in reply.error and len(endpoint.asked) == 1


def test_who_takes_a_connection_and_says_nothing_is_not_waited_for_as_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(route, "CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/v1"
        policy = APIPolicy("api:m", "m", url, Sampling(), attempts=1)
        (reply,) = policy.generate([ASK.messages], ASK, seed=7)
    assert reply.error == f"{url} cannot be reached: no connection within 0.2 s"


def test_retry_after_is_honoured(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: (429, {"Retry-After": "0.4"}, b"") if number == 0 else good()
    assert endpoint.generate(backoff_s=0.0) == [Reply("hi")]
    assert endpoint.times[1] - endpoint.times[0] >= 0.4


def test_retry_after_has_a_cap(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_LONGEST_WAIT_S", 0.05)
    endpoint.answer = lambda number, asked: (429, {"Retry-After": "99999"}, b"") if number == 0 else good()
    start = time.monotonic()
    assert endpoint.generate() == [Reply("hi")]
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
    monkeypatch.setattr("vulngames.policies.api.time.sleep", pauses.append)
    endpoint.answer = lambda number, asked: (500, {}, b"")
    endpoint.generate(4, attempts=4, backoff_s=1.0, concurrency=1)
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
    (reply,) = endpoint.generate(timeout_s=0.3, attempts=2)
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
        (reply,) = policy.generate([ASK.messages], ASK, 0)
        stop.set()
        thread.join()
    assert "gave no answer within 0.4 s" in reply.error


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        (reply,) = APIPolicy("api:m", "m", url, Sampling(), attempts=2, backoff_s=0.0).generate([ASK.messages], ASK, 0)
    assert reply.error.startswith(f"{url} cannot be reached: ") and reply.error.endswith("(2 attempts)")


def test_a_failed_sample_is_recorded_and_never_rewarded(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: (500, {}, b"") if number % 2 else good(r"\boxed{1}")
    game, tasks = make("self-grading"), take("self-grading-v1", 0, "train", 4)
    samples = rollout(game, tasks, endpoint.policy(attempts=1, concurrency=1), ["t"])
    failed = [sample for sample in samples if sample.error]
    assert failed and all(s.reward is None and s.exploited is None for s in failed)
    assert all(s.reward is not None for s in samples if not s.error)


# --- how replies end -------------------------------------------------------------------------------------


def choice(message: Any, finish: Any = "stop") -> Answer:
    return 200, {}, json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode()


ENDS = [
    ("stop", "stop"),
    ("eos", "stop"),
    ("eos_token", "stop"),
    ("stop_sequence", "stop"),
    ("end_turn", "stop"),
    ("STOP", "stop"),
    ("tool_calls", "stop"),
    ("function_call", "stop"),
    ("something new", "stop"),
    (None, "stop"),
    (7, "stop"),
    ("length", "length"),
    ("max_tokens", "length"),
    ("MAX_TOKENS", "length"),
    ("FinishReason.MAX_TOKENS", "length"),
    ("model_length", "length"),
    ("content_filter", "content_filter"),
    ("SAFETY", "content_filter"),
    ("recitation", "content_filter"),
    ("refusal", "content_filter"),
]


@pytest.mark.parametrize(("reason", "finish"), ENDS)
def test_a_reply_says_how_it_ended(endpoint: Endpoint, reason: Any, finish: Any) -> None:
    endpoint.answer = lambda number, asked: choice({"content": "half"}, reason)
    assert endpoint.generate() == [Reply("half", finish=finish)]


def test_a_reply_without_a_reason_ended_of_its_own_accord(endpoint: Endpoint) -> None:
    assert endpoint.generate() == [Reply("hi", finish="stop")]


@pytest.mark.parametrize("reason", ["error", "abort", "insufficient_system_resource"])
def test_a_reply_that_the_endpoint_broke_off_is_asked_for_again(endpoint: Endpoint, reason: str) -> None:
    endpoint.answer = lambda number, asked: choice({"content": "half"}, reason) if number == 0 else good("whole")
    assert endpoint.generate() == [Reply("whole")]
    endpoint.answer = lambda number, asked: choice({"content": "half"}, reason)
    (reply,) = endpoint.generate(attempts=2)
    assert reply.text == "" and f"broke off its reply: {reason} (2 attempts)" in reply.error


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
MESSAGES = [
    # the message, and the text in it or why there is none
    ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab", ""),
    ({"content": [THOUGHT, {"type": "text", "text": "a"}]}, "a", ""),
    ({"content": "a", "reasoning_content": "hm"}, "a", ""),
    ({"content": None, "refusal": "I will not."}, "I will not.", ""),
    ({"content": [{"type": "refusal", "refusal": "I will not."}]}, "I will not.", ""),
    ({"content": "", "refusal": None}, "", ""),
    ({"content": None}, "", "null content"),
    ({"role": "assistant"}, "", "null content"),
    ({"content": None, "reasoning_content": "hm"}, "", "thoughts alone"),
    ({"content": "", "reasoning": "hm"}, "", "thoughts alone"),
    ({"content": " \n", "reasoning": "hm"}, "", "thoughts alone"),
    ({"content": [THOUGHT]}, "", "thoughts alone"),
    ({"content": None, "tool_calls": [{"id": "x"}]}, "", "the call of a tool"),
    ({"content": []}, "", "no text"),
    ({"content": [{"type": ["odd"], "image_url": "x"}, 7]}, "", "no text"),
    ({"content": {"text": "a"}}, "", "no choices"),
]


@pytest.mark.parametrize(("message", "text", "said"), MESSAGES)
def test_the_reply_is_found_in_every_form_of_message(endpoint: Endpoint, message: Any, text: str, said: str) -> None:
    endpoint.answer = lambda number, asked: choice(message)
    (reply,) = endpoint.generate()
    assert reply.text == text and said in reply.error and bool(reply.error) is bool(said)
    assert len(endpoint.asked) == 1


def test_a_completion_of_the_older_kind_is_a_reply(endpoint: Endpoint) -> None:
    body = json.dumps({"choices": [{"text": "hi", "finish_reason": "length"}]}).encode()
    endpoint.answer = lambda number, asked: (200, {}, body)
    assert endpoint.generate() == [Reply("hi", finish="length")]


CUT_SHORT: list[Any] = [
    {"content": None},
    {"content": ""},
    {"content": [THOUGHT]},
    {"content": None, "reasoning_content": "Let me see"},
    {"content": "<think>Let me see"},
]


@pytest.mark.parametrize("message", CUT_SHORT)
@pytest.mark.parametrize(("finish", "said"), [("length", "token limit"), ("content_filter", "content filter")])
def test_a_reply_cut_before_it_said_anything_is_a_failed_sample(
    endpoint: Endpoint, message: Any, finish: str, said: str
) -> None:
    endpoint.answer = lambda number, asked: choice(message, finish)
    (sample,) = rollout(make("tampering"), take("tampering-v1", 0, "test", 1), endpoint.policy(), ["t"])
    assert (sample.reward, sample.exploited, sample.finish) == (None, None, (finish,))
    assert said in sample.error


def test_a_prompt_that_a_filter_refused_is_a_failed_sample_and_no_reason_to_stop(endpoint: Endpoint) -> None:
    body = json.dumps({"error": {"code": "content_filter", "message": "The prompt was filtered"}}).encode()
    endpoint.answer = lambda number, asked: (400, {}, body)
    replies = endpoint.generate(40)
    assert len(endpoint.asked) == 40
    assert {(reply.text, reply.finish) for reply in replies} == {("", "content_filter")}
    assert "content filter: The prompt was filtered" in replies[0].error


# --- endpoints that take less ----------------------------------------------------------------------------


def refusing(*names: str) -> Callable[[int, dict[str, Any]], Answer]:
    def answer(number: int, asked: dict[str, Any]) -> Answer:
        refused = [name for name in names if name in asked]
        if not refused:
            return good()
        return 400, {}, json.dumps({"error": {"message": f"Unsupported parameter: '{refused[0]}'"}}).encode()

    return answer


@pytest.mark.parametrize("name", ["seed", "top_p", "top_k", "temperature", "max_tokens"])
def test_what_an_endpoint_refuses_can_be_left_out(endpoint: Endpoint, name: str) -> None:
    endpoint.answer = refusing(name)
    how = Sampling(top_k=5)
    (reply,) = APIPolicy.parse(f"m@{endpoint.url}/v1", how).generate([ASK.messages], ASK, 0)
    assert reply.error.endswith(f"'{name}'; to leave it out, put #omit={name} behind the URL")
    policy = APIPolicy.parse(f"m@{endpoint.url}/v1#omit={name}", how)
    assert policy.generate([ASK.messages], ASK, 0) == [Reply("hi")]
    left = {"model", "messages", "seed", "top_p", "top_k", "temperature", "max_tokens"} - {name}
    assert endpoint.asked[-1].keys() == left


FORMS = [
    {"error": {"message": "unknown field: seed"}},
    {"error": {"code": "unknown_parameter", "param": "seed"}},
    {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
    {"message": "unknown field: seed"},
]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_refused_is_found_in_every_form_of_complaint(endpoint: Endpoint, form: Any) -> None:
    endpoint.answer = lambda number, asked: (422, {}, json.dumps(form).encode())
    assert endpoint.generate()[0].error.endswith("; to leave it out, put #omit=seed behind the URL")


def test_of_temperature_and_top_p_together_top_p_is_the_one_to_leave_out(endpoint: Endpoint) -> None:
    message = "temperature and top_p cannot both be specified"
    endpoint.answer = lambda number, asked: (400, {}, json.dumps({"error": {"message": message}}).encode())
    assert endpoint.generate()[0].error.endswith(f"{message}; to leave it out, put #omit=top_p behind the URL")
    assert endpoint.policy(omit=("top_p",)).generate([], ASK, 0) == []


def test_too_long_a_prompt_is_no_reason_to_ask_without_a_limit(endpoint: Endpoint) -> None:
    message = "maximum context length is 2048 tokens; reduce the prompt or max_tokens"
    endpoint.answer = lambda number, asked: (400, {}, json.dumps({"error": {"message": message}}).encode())
    assert "omit" not in endpoint.generate()[0].error


def test_a_limit_that_has_another_name_is_sent_under_it(endpoint: Endpoint) -> None:
    def answer(number: int, asked: dict[str, Any]) -> Answer:
        if "max_tokens" not in asked:
            return good()
        said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        return 400, {}, json.dumps({"error": {"message": said}}).encode()

    endpoint.answer = answer
    policy = endpoint.policy(concurrency=1, attempts=1)
    assert policy.generate([ASK.messages] * 3, Turn((), max_tokens=5), 0) == [Reply("hi")] * 3
    assert ["max_tokens" in asked for asked in endpoint.asked] == [True, False, False, False]
    assert [asked.get("max_completion_tokens") for asked in endpoint.asked] == [None, 5, 5, 5]


@pytest.mark.parametrize("omit", ["", "chairs", "seed,", "seed,chairs", "seed;top_p", "seed#omit=top_p"])
def test_what_cannot_be_left_out_is_named(omit: str) -> None:
    with pytest.raises(UserError, match="valid: "):
        APIPolicy.parse(f"m@http://h/v1#omit={omit}")


REFUSALS = [
    (400, {"error": {"message": "no such model"}}, "answered 400: no such model"),
    (404, {"detail": "Not Found"}, "answered 404: Not Found"),
    (401, {}, "answered 401: set VULNGAMES_API_KEY"),
    (500, {}, "answered 500 (2 attempts)"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("status", "body", "said"), REFUSALS)
def test_where_the_first_requests_all_fail_no_more_are_sent(
    endpoint: Endpoint, status: int, body: Any, said: str
) -> None:
    endpoint.answer = lambda number, asked: (status, {}, json.dumps(body).encode())
    with pytest.raises(UserError) as stopped:
        endpoint.generate(2000, attempts=2)
    assert said in str(stopped.value) and "no request succeeded, and 8 failed alike" in str(stopped.value)
    assert "\n" not in str(stopped.value) and len(endpoint.asked) < 60


def test_a_first_failure_of_another_kind_does_not_hide_that_all_is_in_vain(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: (404 if number else 400, {}, b"")
    with pytest.raises(UserError, match=r"no more are sent: .* answered 404"):
        endpoint.generate(2000, concurrency=1)
    assert len(endpoint.asked) < 30


def test_failures_are_counted_over_batches(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: (404, {}, b"")
    policy = endpoint.policy()
    for _ in range(7):
        assert policy.generate([ASK.messages], ASK, 0)[0].error
    with pytest.raises(UserError, match="no more are sent"):
        policy.generate([ASK.messages], ASK, 0)


def test_once_a_request_has_succeeded_every_other_is_sent(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: good() if number == 3 else (400, {}, b"")
    replies = endpoint.generate(40, concurrency=1)
    assert len(endpoint.asked) == 40 and sum(not reply.error for reply in replies) == 1


def test_answers_without_a_reply_in_them_are_data(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number, asked: choice({"content": None, "reasoning_content": "hm"})
    assert len(endpoint.generate(40)) == len(endpoint.asked) == 40


def test_failures_of_other_kinds_are_data(endpoint: Endpoint) -> None:
    def answer(number: int, asked: dict[str, Any]) -> Answer:
        return 400, {}, json.dumps({"error": {"message": f"prompt of {100 + number} tokens is too long"}}).encode()

    endpoint.answer = answer
    assert len(endpoint.generate(40)) == len(endpoint.asked) == 40


@pytest.mark.slow
def test_a_refusal_is_named_once_on_the_terminal(endpoint: Endpoint, vulngames: Any) -> None:
    endpoint.answer = refusing("seed")
    for n in ("3", "500"):
        command = ("eval", "proxy-v1", "--policy", f"api:m@{endpoint.url}/v1", "--n", n)
        done = vulngames(*command, check=False)
        assert done.returncode == 2
        assert (done.stdout + done.stderr).count("Unsupported parameter") == 1
        assert len(done.stderr.strip().splitlines()) == 1
    shown = vulngames("play", "proxy-v1", "--policy", f"api:m@{endpoint.url}/v1", "--n", "3").stdout
    assert shown.count("Unsupported parameter") == 1 and shown.count("not scored") == 3
    done = vulngames(*command[:3], f"api:m@{endpoint.url}/v1/chat/completions#omit=seed", "--n", "3", "--json")
    assert json.loads(done.stdout)["failed"] == 0


@pytest.mark.slow
def test_a_share_of_cut_replies_is_shown_and_in_the_json(endpoint: Endpoint, vulngames: Any) -> None:
    endpoint.answer = lambda number, asked: choice({"content": "half"}, "length" if number % 2 else "stop")
    command = ("eval", "proxy-v1", "--policy", f"api:m@{endpoint.url}", "--n", "4")
    assert json.loads(vulngames(*command, "--json").stdout)["cut"]["mean"] == 0.5
    assert "0.500" in next(line for line in vulngames(*command).stdout.splitlines() if "cut" in line)


# --- the way there ---------------------------------------------------------------------------------------

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return put


DIRECT = [
    # NO_PROXY, host
    ("*", "http://api.example.com"),
    ("example.com", "http://api.example.com"),
    (".example.com", "http://api.example.com"),
    ("*.example.com", "http://api.example.com"),
    ("other, example.com", "http://example.com"),
    ("EXAMPLE.com", "http://example.com"),
    ("example.com:8000", "http://example.com:8000"),
    ("http://example.com", "http://example.com"),
    ("::1", "http://[::1]:8000"),
    ("[::1]", "http://[::1]:8000"),
    ("[::1]:8000", "http://[::1]:8000"),
    ("fd00::/8", "http://[fd12::3]"),
    ("[fd00::]/8", "http://[fd12::3]"),
    ("10.0.0.0/8", "http://10.1.2.3"),
    ("127.0.0.1", "http://127.0.0.1:8000"),
]
PROXIED = [
    ("", "http://example.com"),
    ("xample.com", "http://example.com"),
    ("api.example.com", "http://example.com"),
    ("example.com:8001", "http://example.com:8000"),
    ("::2", "http://[::1]"),
    ("fd00::/8", "http://[::1]"),
    ("10.0.0.0/8", "http://11.0.0.1"),
    ("[::1", "http://[::1]"),
    ("::::,:,/,10.0.0.0/99", "http://10.0.0.1"),
    (",  ,", "http://example.com"),
]


@pytest.mark.parametrize(("no_proxy", "url", "direct"), [(*e, True) for e in DIRECT] + [(*e, False) for e in PROXIED])
def test_no_proxy_is_read_with_names_addresses_and_networks(
    environment: Callable[..., None], no_proxy: str, url: str, direct: bool
) -> None:
    environment(ALL_PROXY="proxy.example.org:3128", NO_PROXY=no_proxy)
    proxy = route._proxy(httpx.URL(url))
    assert (proxy is None) is direct
    assert direct or proxy is None or proxy.url == httpx.URL("http://proxy.example.org:3128")
    APIPolicy.parse(f"m@{url}")._client().close()


def test_the_proxy_of_a_scheme_goes_before_that_of_all(environment: Callable[..., None]) -> None:
    environment(HTTP_PROXY="http://a:1", HTTPS_PROXY="http://b:2", ALL_PROXY="http://c:3")
    found = [route._proxy(httpx.URL(f"{scheme}://host")) for scheme in ("http", "https")]
    assert [each and str(each.url) for each in found] == ["http://a:1", "http://b:2"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("socks5://me:s3cret@127.0.0.1:1080", "ALL_PROXY names a SOCKS proxy"),
        ("socks5h://127.0.0.1:1080", "pip install 'httpx[socks]'"),
        ("socks4://127.0.0.1:1080", "ALL_PROXY is no URL of a proxy"),
        ("ftp://me:s3cret@proxy", "ALL_PROXY is no URL of a proxy"),
        ("http://proxy:s3cret", "valid: http://HOST:PORT"),
        ("http://", "ALL_PROXY is no URL of a proxy"),
        ("http://[::1", "ALL_PROXY is no URL of a proxy"),
    ],
)
def test_a_proxy_that_cannot_be_used_ends_in_one_line(
    environment: Callable[..., None], vulngames: Any, value: str, said: str
) -> None:
    if "SOCKS" in said or "socks]" in said:
        assert find_spec("socksio") is None or pytest.skip("SOCKS can be used here")
    environment(ALL_PROXY=value)
    done = vulngames("eval", "proxy-v1", "--policy", "api:m@http://127.0.0.1:9/v1", "--n", "1", check=False)
    assert done.returncode == 2 and said in done.stderr and "127.0.0.1 in NO_PROXY" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and "s3cret" not in done.stderr
    environment(NO_PROXY="127.0.0.1")
    APIPolicy.parse("m@http://127.0.0.1:9")._client().close()


def test_a_file_of_certificates_that_is_not_there_ends_in_one_line(
    environment: Callable[..., None], tmp_path: Any
) -> None:
    (tmp_path / "empty.pem").write_text("")
    for name in ("none.pem", "empty.pem"):
        environment(SSL_CERT_FILE=str(tmp_path / name))
        with pytest.raises(UserError, match=rf"SSL_CERT_FILE = .*{name}' cannot be used: .*; valid: cert"):
            APIPolicy.parse("m@https://127.0.0.1:9").generate([ASK.messages], ASK, 0)
    # What needs none does not ask for it.
    APIPolicy.parse("m@http://127.0.0.1:9")._client().close()


# --- keys and names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("names", "used"), [((0, 1), 0), ((0,), 0), ((1,), 1), ((), None)])
def test_which_key_is_sent(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, names: tuple[int, ...], used: int | None
) -> None:
    for i in names:
        monkeypatch.setenv(api.KEYS[i], f" key-{i}\n")
    endpoint.generate()
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
            errors += [reply.error for reply in policy.generate([ASK.messages], ASK, 0)]
    assert set(endpoint.keys) == {f"Bearer {KEY}"}
    seen = "\n".join([*errors, repr(policy), json.dumps(asdict(policy), default=repr), *capfd.readouterr()])
    for piece in (KEY, KEY[:12]):
        assert piece not in seen
        assert all(piece not in r.getMessage() for r in caplog.records)
    assert "[OPENAI_API_KEY]" in seen


@pytest.mark.parametrize(
    ("key", "said", "expected"),
    [
        ("a", "a model has no name", "a model has no name"),
        ("model", "no model among models", "no [OPENAI_API_KEY] among models"),
        ("password", "passwords and password", "passwords and [OPENAI_API_KEY]"),
        ("s3cret", "s3cret of s3crets", "[OPENAI_API_KEY] of s3crets"),
        ("12345678", "1234567890 or 12345678", "1234567890 or [OPENAI_API_KEY]"),
        (KEY, f"x{KEY}y", "x[OPENAI_API_KEY]y"),
    ],
)
def test_a_key_is_masked_and_no_word_is(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, key: str, said: str, expected: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    endpoint.answer = lambda number, asked: (404, {}, json.dumps({"detail": said}).encode())
    assert endpoint.generate()[0].error == f"{endpoint.url}/v1 answered 404: {expected}"
    endpoint.answer = lambda number, asked: good(said)
    assert endpoint.generate()[0].text == (expected if key in (KEY, "12345678") else said)


def test_a_run_against_an_endpoint_holds_no_key(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, vulngames: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("VULNGAMES_API_KEY", KEY)
    failed = json.dumps({"error": {"message": f"bad header Bearer {KEY}"}}).encode()
    endpoint.answer = lambda number, asked: (400, {}, failed) if number % 2 else good(f"headers: Bearer {KEY}")
    command = ("eval", "proxy-v1", "--policy", f"api:m@{endpoint.url}/v1", "--n", "6", "--out", "run")
    done = vulngames(*command)
    assert set(endpoint.keys) == {f"Bearer {KEY}"}
    run = load_run(tmp_path / "run")
    held = [path.read_text() for path in run.path.iterdir() if path.suffix != ".gz"]
    seen = "\n".join([done.stdout, done.stderr, *held, *map(json.dumps, run.samples())])
    assert KEY not in seen and KEY[:12] not in seen and seen.count("Bearer [VULNGAMES_API_KEY]") >= 6


@pytest.mark.parametrize("key", ["two words", "line\nline", "schl\u00fcssel"])
def test_a_key_no_header_can_hold_is_the_users_error(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("VULNGAMES_API_KEY", key)
    with pytest.raises(UserError, match="VULNGAMES_API_KEY holds characters") as error:
        APIPolicy.parse("m@http://localhost").generate([ASK.messages], ASK, 0)
    assert key not in str(error.value)


@pytest.mark.parametrize(
    ("name", "model", "url"),
    [
        ("m@http://localhost:8000", "m", "http://localhost:8000/v1"),
        ("m@http://localhost:8000/", "m", "http://localhost:8000/v1"),
        ("m@http://localhost:8000/v1", "m", "http://localhost:8000/v1"),
        ("m@http://localhost:8000/v1/", "m", "http://localhost:8000/v1"),
        ("m@HTTP://localhost:8000/v1", "m", "HTTP://localhost:8000/v1"),
        ("org/m:free@https://openrouter.ai/api/v1", "org/m:free", "https://openrouter.ai/api/v1"),
        ("m@2024@https://host/openai", "m@2024", "https://host/openai"),
        ("m@http://[::1]:8000", "m", "http://[::1]:8000/v1"),
        ("m@http://h/v1/chat/completions", "m", "http://h/v1"),
        ("m@http://h/v1/chat/completions/", "m", "http://h/v1"),
        ("m@http://h/chat/completions", "m", "http://h"),
        ("m@http://h/v1/completions", "m", "http://h/v1"),
        ("m@http://h/v1#omit=seed,top_p", "m", "http://h/v1"),
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


def test_a_proxy_that_does_not_answer_is_named(environment: Callable[..., None]) -> None:
    environment(HTTP_PROXY="http://me:s3cret@127.0.0.1:1")
    policy = APIPolicy("api", "m", "http://localhost:8000/v1", Sampling(), attempts=1)
    (reply,) = policy.generate([ASK.messages], ASK, 0)
    assert "http://localhost:8000/v1 cannot be reached through HTTP_PROXY: " in reply.error
    assert "s3cret" not in reply.error
