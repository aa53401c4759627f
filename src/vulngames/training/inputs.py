"""What a run rests on beyond its config, known by its contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vulngames import digests, games, policies
from vulngames.tasks import rows
from vulngames.training.transcripts import written


def _transcripts(path: str) -> dict[str, str]:
    return {"transcripts": digests.of_file(written(Path(path)).path / "samples.jsonl.gz")}


_DIGESTS: Mapping[str, Callable[[str], Mapping[str, str]]] = {
    "policy": policies.digest,
    "judge": policies.digest,
    "exploit": _transcripts,
    "honest": _transcripts,
}


def inputs(config: Mapping[str, Any], besides: Path | None = None) -> digests.Inputs:
    """The digests of what a config names: policies, rows, transcripts of other runs.

    Args:
        besides: a directory; what lies in it is left out.

    Raises:
        UserError: something it names is not there, or not what it should be.
    """
    named = {name: config.get(name) for name in _DIGESTS}
    digested = {
        name: _DIGESTS[name](value)
        for name, value in named.items()
        if value is not None and (besides is None or not _lies_in(besides, value))
    }
    if config.get("data") is not None:
        digested["data"] = {"rows": rows.digest(config["game"], Path(config["data"]))}
    if config.get("game") is not None and (own := games.digest(config["game"])):
        digested["game"] = own
    return digested


def _lies_in(folder: Path, value: str) -> bool:
    return Path(value.removeprefix("hf:")).is_relative_to(folder)
