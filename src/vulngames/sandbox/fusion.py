"""SandboxFusion, a service that runs programs over HTTP (bytedance.github.io/SandboxFusion)."""

import json
import re
import time
from dataclasses import dataclass

import httpx

from vulngames.sandbox.limits import Limits
from vulngames.sandbox.ran import LostError, Ran

# What the service may take beyond the program's own time.
_GRACE_S = 30.0
# A byte of output takes at most six in JSON, and there are two streams of it.
_REPLY_PER_OUTPUT = 16


def is_server(url: str) -> bool:
    """Whether `url` is an http(s) URL of a host, without credentials or a query, since it is shown in records."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    form = re.fullmatch(r"https?://[^\s?#]+", url)
    return form is not None and parts.raw_host != b"" and not parts.userinfo


@dataclass(frozen=True)
class Fusion:
    """One server; `url` is where its `/run_code` lies. Its wall clock alone says when a program is out of time."""

    url: str

    def __call__(self, code: str, stdin: str, limits: Limits) -> Ran:
        """Run a program. Raises LostError."""
        asked = {
            "code": code,
            "language": "python",
            "stdin": stdin,
            "run_timeout": limits.wall_s,
            "memory_limit_MB": limits.memory_mb,
        }
        try:
            # In ASCII, which a lone surrogate in the code can be written in too.
            reply = self._post(json.dumps(asked), limits)
            result = json.loads(reply)
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            raise LostError(f"{self.url} did not run it: {error or type(error).__name__}") from error
        return _read(result, limits)

    def _post(self, asked: str, limits: Limits) -> bytes:
        """Return the reply, which must come in time and be of a size that keeps to the limits."""
        seconds = limits.wall_s + _GRACE_S
        deadline, most = time.monotonic() + seconds, (limits.output_kb << 10) * _REPLY_PER_OUTPUT
        request, headers = f"{self.url.rstrip('/')}/run_code", {"Content-Type": "application/json"}
        body = b""
        with httpx.stream("POST", request, content=asked, headers=headers, timeout=seconds) as reply:
            reply.raise_for_status()
            for part in reply.iter_bytes():
                body += part
                if len(body) > most or time.monotonic() > deadline:
                    raise LostError(f"{self.url} sent more than {most} bytes, or took more than {seconds} s")
        return body


def _read(result: object, limits: Limits) -> Ran:
    match result:
        case {"status": "Success" | "Failed", "run_result": {"status": "TimeLimitExceeded"}}:
            return Ran(None, b"")
        case {
            "status": "Success" | "Failed",
            "run_result": {"status": "Finished", "return_code": int(code), "stdout": str(out), **rest},
        }:
            stdout = out.encode("utf-8", "replace")[: limits.output_kb << 10]
            return Ran(code, stdout, str(rest.get("stderr") or "").encode("utf-8", "replace"))
    raise LostError(f"the reply of the server makes no sense: {str(result)[:120]}")
