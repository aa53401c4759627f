"""Policies by name: `tiny`, `tiny:small|large`, `hf:PATH_OR_ID`, `api:MODEL@URL`, `script:able|unable|exploit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vulngames import games
from vulngames.errors import UserError, choose, need
from vulngames.games.compliance import Compliance, PolicyJudge, judge_by_rule
from vulngames.types import Game, Policy, Scripted

FORMS = "tiny, tiny:small, tiny:large, hf:PATH_OR_ID, api:MODEL@URL, script:able, script:unable, script:exploit"
_WEIGHTS = Path(__file__).parents[1] / "tiny" / "weights"
# Smallest first.
TINY = {"tiny:small": _WEIGHTS / "small", "tiny": _WEIGHTS / "medium", "tiny:large": _WEIGHTS / "large"}
"""The built-in policies, smallest first, all built by one recipe."""


@dataclass(frozen=True)
class Sampling:
    """How a policy writes."""

    temperature: float = 1.0
    """Of sampling; 1 is the policy's own distribution."""
    top_p: float = 1.0
    """Sample from the smallest set of tokens with this much probability."""
    top_k: int = 0
    """Sample from this many tokens at most; 0 for all."""
    max_tokens: int = 512
    """The longest reply where a game does not say, in tokens."""


def split_name(name: str) -> tuple[str, str]:
    """The kind of a policy and the rest of its name.

    Raises:
        UserError: no such form.
    """
    kind, _, rest = name.partition(":")
    if name not in TINY and (kind not in ("hf", "api", "script") or not rest):
        raise UserError(f"unknown policy {name!r}; valid: {FORMS}")
    return kind, rest


def load(name: str, game: Game[Any], sampling: Sampling = Sampling()) -> Policy | Scripted:
    """The policy called `name`, ready to write; a script is taken from `game`.

    Raises:
        UserError: no such form, or nothing usable at the place it names.
    """
    kind, rest = split_name(name)
    if kind == "script":
        return Scripted(name, choose("script", rest, game.scripts))
    if kind == "api":
        from vulngames.policies.api import APIPolicy

        return APIPolicy.parse(rest, sampling)
    need("torch", "train")
    need("transformers", "train")
    from vulngames.policies.hf import load_hf

    return load_hf(name, sampling)


def check_policy(name: str, game: Game[Any]) -> None:
    """Whether `load` can load it, as far as can be told without loading it.

    Raises:
        UserError: as `load`.
    """
    kind, rest = split_name(name)
    if kind == "script":
        choose("script", rest, game.scripts)
    elif kind == "api":
        from vulngames.policies.api import APIPolicy

        APIPolicy.parse(rest)
    else:
        model_source(name)


def device_of(name: str) -> str:
    """Where a policy runs: `cuda` or `cpu`, or `api` for one behind an endpoint, or `none` for a script.

    Raises:
        UserError: no such form, or no torch for a local one.
    """
    elsewhere = {"api": "api", "script": "none"}.get(split_name(name)[0])
    if elsewhere is not None:
        return elsewhere
    need("torch", "train")
    need("transformers", "train")
    from vulngames.policies.hf import device

    return device()


def is_small(name: str) -> bool:
    """Whether a policy is a script, the built-in one, or a local one of its size: weights on this disk, of at most
    50 MB.

    Raises:
        UserError: as `model_source`.
    """
    kind, _ = split_name(name)
    if kind in ("api", "script"):
        return kind == "script"
    path = Path(model_source(name))
    weights = (*path.glob("*.safetensors"), *path.glob("*.bin"))
    return path.is_dir() and sum(file.stat().st_size for file in weights) <= 50_000_000


def make_game(name: str, judge: str | None, parameters: Mapping[str, Any]) -> Game[Any]:
    """The game called `name`, with the policy called `judge` to judge replies where one is named.

    Raises:
        UserError: unknown game or parameter, a game without a judge, a script as one, or one that cannot be loaded.
    """
    check_game(name, judge, parameters)
    game = games.make(name, **parameters)
    if judge is None:
        return game
    policy = load(judge, game)
    assert isinstance(game, Compliance) and not isinstance(policy, Scripted)
    return replace(game, judge=PolicyJudge(policy, game.judge_tokens))


def check_game(name: str, judge: str | None, parameters: Mapping[str, Any]) -> None:
    """Whether `make_game` can make it, as far as can be told without loading the judge.

    Raises:
        UserError: as `make_game`, or nothing usable at the place that the judge's name names.
    """
    games.make(name, **parameters)
    if judge is None:
        return
    game = games.make(name, judge=judge_by_rule)
    if split_name(judge)[0] == "script":
        raise UserError(f"judge {judge!r} is a script; valid: tiny, hf:PATH_OR_ID, api:MODEL@URL")
    check_policy(judge, game)


def model_source(name: str) -> str:
    """Where the weights of a local policy lie: a directory or a hub id.

    Raises:
        UserError: the policy has no weights, or the directory is not a model.
    """
    kind, rest = split_name(name)
    if kind in ("api", "script"):
        raise UserError(f"policy {name!r} has no weights here; valid: {', '.join(TINY)}, hf:PATH_OR_ID")
    source = str(TINY[name]) if name in TINY else rest
    path = Path(source)
    looks_local = path.exists() or source.startswith((".", "/", "~")) or source.count("/") != 1
    if looks_local and not (path / "config.json").is_file():
        what = "does not exist" if not path.exists() else "holds no config.json"
        raise UserError(f"{source!r} is not a model directory: it {what}")
    return source
