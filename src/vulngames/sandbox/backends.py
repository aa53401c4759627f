"""Where submitted code runs, by name.

`fusion` is imported where it is needed, since it brings httpx, which takes as long to load as all the others together.
"""

import re

from vulngames.errors import UserError
from vulngames.sandbox.docker import Docker
from vulngames.sandbox.external import External
from vulngames.sandbox.grade import Backend
from vulngames.sandbox.limits import Limits
from vulngames.sandbox.sandbox import Sandbox

# It starts with no dash, which docker would read as an option of its own.
_IMAGE = re.compile(r"[a-zA-Z0-9][\w./:@-]*", re.ASCII)
_BACKENDS: dict[str, Backend] = {}


def backend(name: str) -> Backend:
    """Return the backend of this process called `name`: "local", "docker:IMAGE" or "fusion:URL".

    It has the default limits, and is stopped when the process ends.

    Raises:
        UserError: no such form; or docker, its daemon or the image is not available.
    """
    if name not in _BACKENDS:
        # Of two threads that come here at once, both get the one that is kept.
        _BACKENDS.setdefault(name, connect(name))
    return _BACKENDS[name]


def connect(name: str, limits: Limits | None = None) -> Backend:
    """Return a new backend, with limits of its own; raises UserError as `backend` does."""
    check_backend(name)
    scheme, _, place = name.partition(":")
    if scheme == "docker":
        docker = Docker.find(place)
        return External(name, docker, limits, ("container", *docker.runtime[1:]))
    if scheme == "fusion":
        from vulngames.sandbox.fusion import Fusion

        return External(name, Fusion(place), limits)
    return Sandbox(limits)


def check_backend(name: str) -> None:
    """Raise UserError unless `name` has the form of a backend's; nothing is started or looked for."""
    scheme, _, place = name.partition(":")
    if scheme == "fusion":
        from vulngames.sandbox.fusion import is_server

        valid = is_server(place)
    elif scheme == "docker":
        valid = _IMAGE.fullmatch(place) is not None
    else:
        valid = name == "local"
    if not valid:
        raise UserError(
            f"unknown sandbox {name!r}; valid: local, docker:IMAGE, fusion:URL (http or https, no credentials or query)"
        )
