"""A model behind an OpenAI-compatible endpoint as a policy: `api:MODEL@URL`.

A reply that cannot be had is a `Reply` with an error, never an exception: the sample is recorded, not rewarded.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count

import httpx

from vulngames.errors import UserError
from vulngames.policies import Sampling
from vulngames.seeds import coin
from vulngames.seeds import seed as seed_of
from vulngames.types import Conversation, Json, Reply, Turn, messages_of

KEYS = ("VULNGAMES_API_KEY", "OPENAI_API_KEY")
FORM = "api:MODEL@URL with an http(s) URL and no credentials, query or fragment in it, as api:qwen@http://localhost:8000/v1"
_LONGEST_WAIT_S = 60.0
_LARGEST_ANSWER_BYTES = 64 << 20


class _FailedError(Exception):
    """One attempt came to nothing. again: another may do better; wait_s: the pause in seconds the endpoint asks for."""

    def __init__(self, reason: str, again: bool = False, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.again, self.wait_s = again, wait_s


@dataclass
class APIPolicy:
    """A model asked through `POST {url}/chat/completions`.

    The key is read from VULNGAMES_API_KEY, else OPENAI_API_KEY, at each `write` and kept nowhere.

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
    """

    name: str
    model: str
    url: str
    sampling: Sampling
    concurrency: int = 16
    attempts: int = 4
    timeout_s: float = 120.0
    backoff_s: float = 1.0

    @classmethod
    def parse(cls, model_at_url: str, sampling: Sampling = Sampling()) -> APIPolicy:
        """The policy called `MODEL@URL`.

        A final slash does not count. A URL that is a host alone gets `/v1`, where such servers answer; one with a path
        is taken as it stands. So http://host:8000, http://host:8000/ and http://host:8000/v1 are one endpoint.

        Raises:
            UserError: not of that form. A URL that may hold credentials is not repeated.
        """
        found = re.fullmatch(r"(.+)@(https?://\S+)", model_at_url)
        if found is None:
            raise UserError(f"api policy {model_at_url.partition('://')[0]!r} is not MODEL@URL; valid: {FORM}")
        model, url = found.groups()
        try:
            parts = httpx.URL(url)
        except httpx.InvalidURL:
            raise UserError(f"api policy of {model!r}: not a URL after the @; valid: {FORM}") from None
        if not parts.host or parts.userinfo or "?" in url or "#" in url:
            raise UserError(f"api policy of {model!r}: its URL has no host, or holds more than a path; valid: {FORM}")
        base = url.rstrip("/")
        return cls(f"api:{model_at_url}", model, base if parts.path.strip("/") else f"{base}/v1", sampling)

    def write(self, conversations: Sequence[Conversation], turn: Turn, seed: int) -> list[Reply]:
        """One reply a conversation, in order. Each request carries a seed of its own, so that equal prompts differ."""
        seeds = [seed_of("api", seed, i) for i in range(len(conversations))]
        # The client closes first: after an interrupt, requests under way end and none is tried again.
        with ThreadPoolExecutor(self.concurrency) as pool, self._client() as client:
            return list(pool.map(lambda each, own: self._reply(client, each, turn, own), conversations, seeds))

    def _client(self) -> httpx.Client:
        limits = httpx.Limits(max_connections=self.concurrency)
        return httpx.Client(headers=_headers(), timeout=self.timeout_s, limits=limits)

    def _reply(self, client: httpx.Client, conversation: Conversation, turn: Turn, seed: int) -> Reply:
        # Not httpx's own JSON: it cannot encode the lone surrogates that a prompt may hold.
        body = json.dumps(self._request(conversation, turn, seed)).encode()
        for attempt in count(1):
            try:
                return Reply(_text(self._post(client, body)))
            except _FailedError as failure:
                if not failure.again or attempt >= self.attempts:
                    tries = f" ({attempt} attempts)" if attempt > 1 else ""
                    return Reply("", error=_one_line(f"{self.url} {failure}{tries}"))
                backoff = self.backoff_s * 2 ** (attempt - 1) * (0.5 + coin("retry", seed, attempt))
                time.sleep(min(backoff if failure.wait_s is None else failure.wait_s, _LONGEST_WAIT_S))
        raise AssertionError("count() ends")

    def _request(self, conversation: Conversation, turn: Turn, seed: int) -> dict[str, Json]:
        how = self.sampling
        top_k = {"top_k": how.top_k} if how.top_k else {}
        sampling = {"temperature": 0} if turn.greedy else {"temperature": how.temperature, "top_p": how.top_p, **top_k}
        return {
            "model": self.model,
            "messages": messages_of(conversation),
            "max_tokens": turn.max_tokens or how.max_tokens,
            "seed": seed % 2**31,  # the widest that every server takes
            **sampling,
        }

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
        except httpx.TimeoutException:
            raise _FailedError(f"gave no answer within {self.timeout_s:g} s", again=True) from None
        except httpx.TransportError as problem:
            # Of the others the text may repeat what was sent, and so the key.
            detail = str(problem) if isinstance(problem, httpx.ConnectError) else type(problem).__name__
            raise _FailedError(f"cannot be reached: {detail}", again=True) from None
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
    again = status == 429 or status >= 500
    raise _FailedError(f"answered {status}{_complaint(body)}", again, _retry_after(response.headers.get("Retry-After")))


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
    """What the endpoint says is wrong, after a colon; empty if it does not say it in JSON."""
    try:
        answer = _json(body)
    except _FailedError:
        return ""
    match answer:
        case {"error": {"message": str(said)}} | {"error": str(said)} | {"message": str(said)} | {"detail": str(said)}:
            return f": {said}"
    return ""


def _text(body: bytes) -> str:
    """The reply in a chat completion. Raises _FailedError if there is none."""
    match _json(body):
        case {"choices": [{"message": {"content": str(text)}}, *_]}:
            # A lone surrogate is legal in JSON, but no file could hold it and no tokenizer read it.
            return text.encode("utf-8", "replace").decode()
        case {"choices": [{"message": {"content": None}}, *_]}:
            raise _FailedError("answered with null content")
    raise _FailedError(f"answered with JSON that holds no choices[0].message.content{_complaint(body)}")


def _one_line(error: str) -> str:
    """At most 300 printable characters, without the keys: an endpoint may repeat what it was sent."""
    for name in KEYS:
        if key := os.environ.get(name, "").strip():
            error = error.replace(key, f"[{name}]")
    printable = "".join(char if char.isprintable() else " " for char in error)
    return " ".join(printable.split())[:300]
