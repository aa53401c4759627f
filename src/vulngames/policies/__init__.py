"""Policies by name: `tiny`, `tiny:small|large`, `hf:PATH_OR_ID`, `api:MODEL@URL`, `script:able|unable|exploit`."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

from vulngames import digests
from vulngames.errors import UserError, choose, need
from vulngames.policies.nearby import what_is_there, would_be_here
from vulngames.sampling import Sampling as Sampling
from vulngames.types import Environment, Policy, Scripted, is_game

FORMS = "tiny, tiny:small, tiny:large, hf:PATH_OR_ID, api:MODEL@URL, script:able, script:unable, script:exploit"
_WEIGHTS = Path(__file__).parents[1] / "tiny" / "weights"
# Smallest first.
TINY = {"tiny:small": _WEIGHTS / "small", "tiny": _WEIGHTS / "medium", "tiny:large": _WEIGHTS / "large"}
"""The built-in policies, smallest first, all built by one recipe."""
# Kinds of policies that have no weights here, and what stands in place of a device for them.
_WEIGHTLESS = {"api": "api", "script": "none"}


def split_name(name: str) -> tuple[str, str]:
    """The kind of a policy and the rest of its name.

    Raises:
        UserError: no such form.
    """
    form, _, rest = name.partition(":")
    if name not in TINY and (form not in ("hf", "api", "script") or not rest):
        raise UserError(f"unknown policy {name!r}; valid: {FORMS}")
    return form, rest


def load(name: str, environment: Environment, sampling: Sampling = Sampling()) -> Policy | Scripted:
    """The policy called `name`, ready to write; a script is taken from the game.

    Raises:
        UserError: no such form, or nothing usable at the place it names.
    """
    form, rest = split_name(name)
    if form == "script":
        return _scripted(name, rest, environment)
    if form == "api":
        from vulngames.policies.api import APIPolicy

        return APIPolicy.parse(rest, sampling)
    need("torch", "train")
    need("transformers", "train")
    # torch takes seconds to import, and a mistake in a path is known without it.
    model_source(name)
    warn_if_unfamiliar(name, environment.id)
    from vulngames.policies.hf import load_hf

    return load_hf(name, sampling)


@cache
def warn_if_unfamiliar(name: str, game: str) -> None:
    """Warn, once, where the policy called `name` is a built-in one that was not pretrained on this game.

    Args:
        game: its id.
    """
    from vulngames.games import SPECS

    familiar = game in SPECS and bool(SPECS[game].corpus)
    if name in TINY and not familiar:
        known = ", ".join(id for id, spec in SPECS.items() if spec.corpus)
        message = f"policy {name!r} was not pretrained on {game}: expect little of it there, and use hf: or api:"
        warnings.warn(f"{message} (it was on {known})", stacklevel=2)


def _scripted(name: str, script: str, environment: Environment) -> Scripted:
    if not is_game(environment):
        raise UserError(f"{environment.id} has no scripts, so {name!r} cannot play it; valid: tiny, hf:, api:")
    return Scripted(name, choose("script", script, environment.scripts))


def check_policy(name: str, environment: Environment) -> None:
    """Whether `load` can load it, as far as can be told without loading it.

    Raises:
        UserError: as `load`.
    """
    form, rest = split_name(name)
    if form == "script":
        _scripted(name, rest, environment)
    elif form == "api":
        from vulngames.policies.api import APIPolicy

        APIPolicy.parse(rest)
    else:
        model_source(name)


def device_of(name: str) -> str:
    """Where a policy runs: `cuda` or `cpu`, or `api` for one behind an endpoint, or `none` for a script.

    Raises:
        UserError: no such form, or no torch for a local one.
    """
    form, _ = split_name(name)
    if form in _WEIGHTLESS:
        return _WEIGHTLESS[form]
    need("torch", "train")
    need("transformers", "train")
    from vulngames.policies.loading import device

    return device()


def is_endpoint(name: str) -> bool:
    """Whether a policy is asked over a network.

    Raises:
        UserError: no such form.
    """
    return split_name(name)[0] == "api"


def is_small(name: str) -> bool:
    """Whether a policy is a script, the built-in one, or a local one of its size: weights on this disk, of at most
    50 MB.

    Raises:
        UserError: as `model_source`.
    """
    form, _ = split_name(name)
    if form in _WEIGHTLESS:
        return form == "script"
    path = Path(model_source(name))
    weights = (*path.glob("*.safetensors"), *path.glob("*.bin"))
    return 0 < sum(file.stat().st_size for file in weights) <= 50_000_000


def digest(name: str) -> dict[str, str]:
    """What a policy is by its contents: digests as `digests.of_model` has them.

    Of a policy whose files are not in a directory here (a hub id, an endpoint, a script) it is the name alone, under
    that key: what stands behind it may change unseen.

    Raises:
        UserError: as `model_source`.
    """
    form, _ = split_name(name)
    source = name if form in _WEIGHTLESS else model_source(name)
    return digests.of_model(Path(source)) if Path(source).is_dir() else {"name alone": source}


def model_source(name: str) -> str:
    """Where the weights of a local policy lie: a directory or a hub id.

    Raises:
        UserError: the policy has no weights, or the directory is not a model; it names those that are near.
    """
    form, rest = split_name(name)
    if form in _WEIGHTLESS:
        raise UserError(f"policy {name!r} has no weights here; valid: {', '.join(TINY)}, hf:PATH_OR_ID")
    source = str(TINY[name]) if name in TINY else rest
    if source.startswith("~"):
        # A shell leaves it as it is behind a colon.
        source = str(Path(source).expanduser())
    path = Path(source)
    if (path / "config.json").is_file() and not (path / "adapter_config.json").exists():
        return source
    if path.exists() or would_be_here(source):
        raise UserError(f"{source!r} is not a model directory: {what_is_there(path)}")
    return source
