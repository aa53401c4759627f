"""An environment as a run asks for it: by its name, with its parameters and its judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vulngames import games, policies
from vulngames.errors import UserError
from vulngames.types import Environment, Scripted


def make(name: str, judge: str | None, parameters: Mapping[str, Any]) -> Environment[Any]:
    """The environment called `name` (see `games.spec`), with the policy called `judge` to judge replies where one is
    named.

    Raises:
        UserError: unknown name or parameter; or a judge where none is asked, that is a script, or cannot be loaded.
    """
    if "max_tokens" not in games.parameters_of(name):
        # A run says how long a completion may be; what has no such parameter leaves it to the policy.
        parameters = {key: value for key, value in parameters.items() if key != "max_tokens"}
    check(name, judge, parameters)
    environment: Environment[Any] = games.make(name, **parameters)
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
    environment: Environment[Any] = games.make(name, **parameters)
    if judge is None:
        return
    if games.spec(name).with_judge is None:
        raise UserError(f"{environment.id} has no parameter 'judge'; valid for judge: a game that asks one")
    if policies.split_name(judge)[0] == "script":
        raise UserError(f"judge {judge!r} is a script; valid: tiny, hf:PATH_OR_ID, api:MODEL@URL")
    policies.check_policy(judge, environment)
