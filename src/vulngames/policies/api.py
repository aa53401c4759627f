"""A model behind an OpenAI-compatible endpoint as a policy: `api:MODEL@URL`.

A failed request is a `Reply` with an error, never an exception: the sample is recorded, not rewarded.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count

import httpx

from vulngames.errors import UserError
from vulngames.policies import Sampling, route
from vulngames.seeds import coin
from vulngames.seeds import seed as seed_of
from vulngames.types import Conversation, Finish, Json, Reply, Turn, messages_of

KEYS = ("VULNGAMES_API_KEY", "OPENAI_API_KEY")
# What a request can do without; of those that an endpoint complains of, the first is the one to leave out.
OPTIONS = ("top_k", "top_p", "seed", "temperature", "max_tokens")
FORM = (
    "api:MODEL@URL with an http(s) URL, no credentials or query in it, as api:qwen@http://localhost:8000/v1; to send "
    f"less, with #omit= and some of {','.join(OPTIONS)} behind it"
)
_LONGEST_WAIT_S = 60.0
_LARGEST_ANSWER_BYTES = 64 << 20
# Requests that fail alike, one after the other, before anything has succeeded: no other will do better.
_FUTILE = 8
# Characters of an error, and of what an endpoint says in it.
_LONGEST_ERROR, _LONGEST_COMPLAINT = 300, 160

_LENGTH = "length max_tokens max_output_tokens max_length model_length model_context_window_exceeded".split()
_FILTER = (
    "content_filter content_filtered safety recitation blocklist prohibited_content spii refusal sensitive".split()
)
_BROKEN = "error abort aborted cancelled network_error insufficient_system_resource malformed_function_call".split()


class _FailedError(Exception):
    """One attempt came to nothing. again: another may do better; wait_s: the pause in seconds the endpoint asks for;
    complaint: what it says is wrong with the request; finish: `content_filter` if a filter took the request."""

    def __init__(
        self,
        reason: str,
        again: bool = False,
        wait_s: float | None = None,
        complaint: str = "",
        finish: Finish = "stop",
    ) -> None:
        super().__init__(reason)
        self.again, self.wait_s, self.complaint, self.finish = again, wait_s, complaint, finish


class _SilentError(_FailedError):
    """The endpoint answered as it should, and there is no reply in it."""


@dataclass
class APIPolicy:
    """A model asked through `POST {url}/chat/completions`.

    The key is read from VULNGAMES_API_KEY, else OPENAI_API_KEY, at each `generate` and kept nowhere.

    Attributes:
        name: how the policy was named.
        model: what the endpoint calls the model.
        url: the base URL, without a final slash.
        sampling: how it writes; its `max_tokens` holds where a turn does not say. `top_k` is no part of the OpenAI
            protocol: it is sent where it is not 0, and an endpoint that does not know it may answer 400.
        concurrency: requests under way at once, at least 1.
        attempts: tries of one request, at least 1; another follows a failed connection, a timeout, 429 or 5xx.
        timeout_s: the longest silence, and the longest answer, of one attempt, in seconds.
        backoff_s: the first pause between tries, in seconds, before jitter; it doubles. A Retry-After of the endpoint
            goes before it. No pause is longer than a minute.
        omit: those of `OPTIONS` that are not sent, for an endpoint that refuses them.
        advance: told how many replies have been written, as they are.
    """

    name: str
    model: str
    url: str
    sampling: Sampling
    concurrency: int = 16
    attempts: int = 4
    timeout_s: float = 120.0
    backoff_s: float = 1.0
    omit: tuple[str, ...] = ()
    advance: Callable[[int], object] = field(default=lambda n: None, repr=False)
    _limit: str = field(default="max_tokens", init=False, repr=False)
    _heard: bool = field(default=False, init=False, repr=False)
    _failed_alike: tuple[str, int] = field(default=("", 0), init=False, repr=False)

    @classmethod
    def parse(cls, model_at_url: str, sampling: Sampling = Sampling()) -> APIPolicy:
        """The policy called `MODEL@URL`, or `MODEL@URL#omit=seed,top_p` to leave these out of its requests.

        A final slash does not count, nor does `/chat/completions` or `/completions`. A URL that is a host alone gets
        `/v1`, where such servers answer; one with a path is taken as it stands. So http://host:8000,
        http://host:8000/, http://host:8000/v1 and http://host:8000/v1/chat/completions are one endpoint.

        Raises:
            UserError: not of that form. A URL that may hold credentials is not repeated.
        """
        parsed = re.fullmatch(r"(.+)@((?i:https?)://[^\s#]+)(?:#omit=([a-z_]+(?:,[a-z_]+)*))?", model_at_url)
        if parsed is None:
            raise UserError(f"api policy {model_at_url.partition('://')[0]!r} is not MODEL@URL; valid: {FORM}")
        model, url, omitted = parsed.groups()
        omit = tuple(omitted.split(",")) if omitted else ()
        for name in omit:
            if name not in OPTIONS:
                raise UserError(f"api policy of {model!r} cannot omit {name!r}; valid: {', '.join(OPTIONS)}")
        try:
            parts = httpx.URL(url)
        except httpx.InvalidURL:
            raise UserError(f"api policy of {model!r}: not a URL after the @; valid: {FORM}") from None
        if not parts.host or parts.userinfo or "?" in url:
            raise UserError(f"api policy of {model!r}: its URL has no host, or holds more than a path; valid: {FORM}")
        base = url.rstrip("/").removesuffix("/completions").removesuffix("/chat").rstrip("/")
        whole = base if parts.path.strip("/") else f"{base}/v1"
        return cls(f"api:{model_at_url}", model, whole, sampling, omit=omit)

    def generate(self, conversations: Sequence[Conversation], turn: Turn, seed: int) -> list[Reply]:
        """One reply per conversation, in order. Each request carries a seed of its own, so that equal prompts differ.

        Raises:
            UserError: a key, a proxy or a file of certificates that cannot be used; or no request of this policy has
                succeeded and several in a row failed alike, so that no more are sent.
        """
        seeds = [seed_of("api", seed, i) for i in range(len(conversations))]
        # The client closes first: after an interrupt, requests under way end and none is tried again.
        with ThreadPoolExecutor(self.concurrency) as pool, self._client() as client:
            replies: list[Reply] = []
            for reply in pool.map(lambda each, own: self._reply(client, each, turn, own), conversations, seeds):
                replies.append(reply)
                self.advance(1)
            return replies

    def _client(self) -> httpx.Client:
        return route.client(self.url, _headers(), self.timeout_s, self.concurrency)

    def _reply(self, client: httpx.Client, conversation: Conversation, turn: Turn, seed: int) -> Reply:
        for attempt in count(1):
            asked = self._request(conversation, turn, seed)
            try:
                # Not httpx's own JSON: it cannot encode the lone surrogates that a prompt may hold.
                reply = _read(self._post(client, json.dumps(asked).encode()))
            except _FailedError as failure:
                self._heard |= isinstance(failure, _SilentError)
                if "max_completion_tokens" in failure.complaint and "max_tokens" in asked:
                    # The same limit under another name, which is all that some endpoints take.
                    self._limit = "max_completion_tokens"
                elif not failure.again or attempt >= self.attempts:
                    tries = f" ({attempt} attempts)" if attempt > 1 else ""
                    return self._failed(f"{self.url} {failure}{_advice(failure, asked)}{tries}", failure.finish)
                else:
                    backoff = self.backoff_s * 2 ** (attempt - 1) * (0.5 + coin("retry", seed, attempt))
                    time.sleep(min(backoff if failure.wait_s is None else failure.wait_s, _LONGEST_WAIT_S))
            else:
                self._heard = True
                return reply
        raise AssertionError("count() ends")

    def _failed(self, reason: str, finish: Finish) -> Reply:
        """The reply of a failed request.

        Raises:
            UserError: none could so far, and the last ones for the same reason.
        """
        error = _one_line(reason)[:_LONGEST_ERROR]
        if finish == "stop" and not self._heard:
            last, times = self._failed_alike
            self._failed_alike = error, times + 1 if error == last else 1
            if times + 1 >= _FUTILE and error == last:
                raise UserError(f"no request succeeded, and {_FUTILE} failed alike, so no more are sent: {error}")
        return Reply("", error=error, finish=finish)

    def _request(self, conversation: Conversation, turn: Turn, seed: int) -> dict[str, Json]:
        how = self.sampling
        top_k = {"top_k": how.top_k} if how.top_k else {}
        sampling = {"temperature": 0} if turn.greedy else {"temperature": how.temperature, "top_p": how.top_p, **top_k}
        # A seed of 31 bits is the widest that every server takes.
        options = {"max_tokens": turn.max_tokens or how.max_tokens, "seed": seed % 2**31, **sampling}
        named = {
            self._limit if name == "max_tokens" else name: options[name] for name in options if name not in self.omit
        }
        return {"model": self.model, "messages": messages_of(conversation), **named}

    def _post(self, client: httpx.Client, body: bytes) -> bytes:
        deadline, received = time.monotonic() + self.timeout_s, bytearray()
        try:
            with client.stream("POST", f"{self.url}/chat/completions", content=body) as response:
                for chunk in response.iter_bytes():
                    received += chunk
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the answer trickles")
                    if len(received) > _LARGEST_ANSWER_BYTES:
                        raise _FailedError(f"answered more than {_LARGEST_ANSWER_BYTES >> 20} MiB")
        except httpx.ConnectTimeout:
            within = min(self.timeout_s, route.CONNECT_S)
            raise _FailedError(f"cannot be reached: no connection within {within:g} s", again=True) from None
        except httpx.TimeoutException:
            raise _FailedError(f"gave no answer within {self.timeout_s:g} s", again=True) from None
        except httpx.TransportError as problem:
            # Of the others the text may repeat what was sent, and so the key.
            detail = str(problem) if isinstance(problem, httpx.ConnectError) else type(problem).__name__
            proxy = route.through(self.url)
            way = f" through {proxy}" if proxy else ""
            raise _FailedError(f"cannot be reached{way}: {detail}", again=True) from None
        except httpx.DecodingError:
            raise _FailedError("answered with a broken Content-Encoding") from None
        _check(response, bytes(received))
        return bytes(received)


def _headers() -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    name = next((name for name in KEYS if os.environ.get(name, "").strip()), None)
    if name is None:
        return headers
    key = os.environ[name].strip()
    if re.fullmatch(r"[!-~]+", key) is None:
        raise UserError(f"{name} holds characters that no header can; valid: printable ASCII without spaces")
    return {**headers, "Authorization": f"Bearer {key}"}


def _check(response: httpx.Response, body: bytes) -> None:
    """Raises _FailedError unless the endpoint says that it succeeded."""
    status = response.status_code
    if response.is_success:
        return
    if status in (401, 403):
        # What it says beside this may repeat a part of the key.
        raise _FailedError(f"answered {status}: set {KEYS[0]} (or {KEYS[1]}) to a key that it accepts")
    complaint = _complaint(body)
    if status == 400 and _is_filtered(body):
        raise _FailedError(f"did not pass the prompt through its content filter{complaint}", finish="content_filter")
    again = status == 429 or status >= 500
    wait_s = _retry_after(response.headers.get("Retry-After"))
    raise _FailedError(f"answered {status}{complaint}", again, wait_s, complaint if status in (400, 422) else "")


def _is_filtered(body: bytes) -> bool:
    try:
        answer = _json(body)
    except _FailedError:
        return False
    match answer:
        case {"error": {"code": "content_filter"}}:
            return True
    return False


def _advice(failure: _FailedError, asked: Mapping[str, Json]) -> str:
    """What to leave out, where the endpoint complains of something that can be."""
    # Too long a prompt is no reason to ask for an answer without a limit.
    complaint = "" if "context" in failure.complaint else failure.complaint
    named = [name for name in OPTIONS if name in asked and re.search(rf"\b{name}\b", complaint)]
    return f"; to leave it out, put #omit={named[0]} behind the URL" if named else ""


def _retry_after(value: str | None) -> float | None:
    """Seconds from now, at least 0; None if the header is absent or illegible. It holds seconds or a date."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _json(body: bytes) -> Json:
    """Raises _FailedError unless `body` is JSON in UTF-8."""
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _FailedError("answered with something other than JSON in UTF-8") from None


def _complaint(body: bytes) -> str:
    """What the endpoint says is wrong, after a colon, without the keys; empty if it does not say it in JSON."""
    try:
        answer = _json(body)
    except _FailedError:
        return ""
    match answer:
        case (
            {"error": {"message": str(complaint)}}
            | {"error": str(complaint)}
            | {"message": str(complaint)}
            | {"detail": str(complaint)}
        ):
            pass
        # Such as a list of the fields that a server does not take.
        case {"error": dict() | list() as form} | {"detail": dict() | list() as form} if form:
            complaint = json.dumps(form)
        case _:
            return ""
    return f": {_one_line(_masked(complaint))[:_LONGEST_COMPLAINT]}"


def _read(body: bytes) -> Reply:
    """The reply in a chat completion, or in a completion of the older kind. Raises _FailedError if there is none."""
    answer = _json(body)
    match answer:
        case {"choices": [{"message": dict(message)} as choice, *_]}:
            pass
        case {"choices": [{"text": str(text)} as choice, *_]}:
            message = {"content": text}
        case _:
            raise _FailedError(f"answered with JSON that holds no choices[0].message.content{_complaint(body)}")
    finish, content = _finish(choice.get("finish_reason")), message.get("content")
    text = _text(content, message.get("refusal"))
    # What is cut before it says anything is told apart from silence by how it ended.
    if text.strip() or finish != "stop" or (isinstance(content, str) and not _thoughts(message)):
        # A lone surrogate is legal in JSON, but no file could hold it and no tokenizer read it.
        return Reply(_masked(text.encode("utf-8", "replace").decode(), words=False), finish=finish)
    if _thoughts(message):
        raise _SilentError("answered with thoughts alone, and no reply")
    if message.get("tool_calls") or message.get("function_call"):
        raise _SilentError("answered with the call of a tool, and no reply")
    raise _SilentError("answered with null content" if content is None else "answered with content that is no text")


def _text(content: Json, refusal: Json) -> str:
    """The text in a message's content, which may stand in parts; else the words in which the model refuses.

    Raises _FailedError if the content is of no known form.
    """
    match content:
        case None | str():
            text = content or ""
        case [*parts]:
            text = "".join(map(_part, parts))
        case _:
            raise _FailedError("answered with JSON that holds no choices[0].message.content as text")
    return text or (refusal if isinstance(refusal, str) else "")


def _part(part: Json) -> str:
    match part:
        case {"type": "thinking" | "reasoning"}:
            return ""
        case str(text) | {"text": str(text)} | {"refusal": str(text)}:
            return text
    return ""


def _thoughts(message: Mapping[str, Json]) -> bool:
    match message.get("content"):
        case [*parts] if any(
            isinstance(part, dict) and part.get("type") in ("thinking", "reasoning") for part in parts
        ):
            return True
    return bool(message.get("reasoning_content") or message.get("reasoning"))


def _finish(reason: Json) -> Finish:
    """How the reply ended, in our words; a reason that nobody knows is taken for an end of its own accord.

    Raises _FailedError if the endpoint broke off.
    """
    # Some write FinishReason.MAX_TOKENS.
    word = str(reason).rpartition(".")[2].lower()
    if word in _BROKEN:
        raise _SilentError(f"broke off its reply: {word}", again=True)
    if word in _LENGTH:
        return "length"
    return "content_filter" if word in _FILTER else "stop"


def _one_line(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())


def _masked(text: str, words: bool = True) -> str:
    """The text without the keys: an endpoint may repeat what it was sent.

    A key is masked where it stands alone; one that could be a word, as those that local servers are given, only if
    `words`. One of 16 characters or more is part of no word, and is masked wherever it stands. What is shorter than
    four characters is no secret.
    """
    for name in KEYS:
        key = os.environ.get(name, "").strip()
        if len(key) >= 16:
            text = text.replace(key, f"[{name}]")
        elif len(key) >= 4 and (words or (len(key) >= 8 and not key.isalpha())):
            text = re.sub(rf"(?<!\w){re.escape(key)}(?!\w)", f"[{name}]", text)
    return text
