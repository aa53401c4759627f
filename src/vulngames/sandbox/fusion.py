"""SandboxFusion, a service that runs programs over HTTP (bytedance.github.io/SandboxFusion)."""

from dataclasses import dataclass

import httpx

from vulngames.sandbox.external import LostError, Ran
from vulngames.sandbox.limits import Limits

# What the service may take beyond the program's own time.
_GRACE_S = 30.0


@dataclass(frozen=True)
class Fusion:
    """One server; `url` is where its `/run_code` lies."""

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
            reply = httpx.post(f"{self.url.rstrip('/')}/run_code", json=asked, timeout=limits.wall_s + _GRACE_S)
            reply.raise_for_status()
            said = reply.json()
        except (httpx.HTTPError, ValueError) as error:
            raise LostError(f"{self.url} did not run it: {error or type(error).__name__}") from error
        return _read(said, limits)


def _read(said: object, limits: Limits) -> Ran:
    match said:
        case {"status": "Success" | "Failed", "run_result": {"status": "TimeLimitExceeded"}}:
            return Ran(None, b"")
        case {
            "status": "Success" | "Failed",
            "run_result": {"status": "Finished", "return_code": int(code), "stdout": str(out), **rest},
        }:
            stdout = out.encode("utf-8", "replace")[: limits.output_kb << 10]
            return Ran(code, stdout, str(rest.get("stderr") or "").encode("utf-8", "replace"))
    raise LostError(f"the server said nothing that makes sense: {str(said)[:120]}")
