"""An environment as a run asks for it: by its name, with its parameters, its judge and its sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vulngames import games, policies
from vulngames.errors import UserError
from vulngames.types import Environment, Scripted

LOCAL = "local"
"""The sandbox of this machine."""


def make(name: str, judge: str | None, parameters: Mapping[str, Any], sandbox: str = LOCAL) -> Environment:
    """The environment called `name` (see `games.spec`), with the policy called `judge` to judge replies where one is
    named, and the sandbox called `sandbox` to run code in.

    Raises:
        UserError: unknown name or parameter; a judge where none is asked, that is a script, or cannot be loaded; or a
            sandbox where no code is run, or that is not available.
    """
    if "max_tokens" not in games.parameters_of(name):
        # A run says how long a completion may be; what has no such parameter leaves it to the policy.
        parameters = {key: value for key, value in parameters.items() if key != "max_tokens"}
    check(name, judge, parameters)
    if sandbox != LOCAL:
        check_sandbox(name, sandbox)
        # Not at the top: the sandbox is loaded where a program is to be run.
        from vulngames.sandbox import backend

        parameters = {**parameters, "sandbox": backend(sandbox)}
    environment: Environment = games.make(name, **parameters)
    with_judge = games.spec(name).with_judge
    if judge is None or with_judge is None:
        return environment
    policy = policies.load(judge, environment)
    assert not isinstance(policy, Scripted), "checked"
    return with_judge(environment, policy)


def check(name: str, judge: str | None, parameters: Mapping[str, Any]) -> None:
    """Whether `make` can make it, as far as can be known without loading the judge.

    Raises:
        UserError: as `make`, or nothing usable at the place that the judge's name names.
    """
    environment: Environment = games.make(name, **parameters)
    if judge is None:
        return
    if games.spec(name).with_judge is None:
        raise UserError(f"{environment.id} has no parameter 'judge'; valid for judge: a game that asks one")
    if policies.split_name(judge)[0] == "script":
        raise UserError(f"judge {judge!r} is a script; valid: tiny, hf:PATH_OR_ID, api:MODEL@URL")
    policies.check_policy(judge, environment)


def check_sandbox(name: str, sandbox: str) -> None:
    """Whether the environment called `name` runs code, and `sandbox` has the form of a sandbox's name.

    Raises:
        UserError: one of them does not.
    """
    if not games.spec(name).runs_code:
        raise UserError(f"sandbox = {sandbox!r}, but {name} runs no code; valid: a game that does, or no --sandbox")
    from vulngames.sandbox import check_backend

    check_backend(sandbox)
