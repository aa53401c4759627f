"""Training and evaluation as Python calls: what the command line's `train` and `eval` do, without the command line."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from vulngames.errors import UserError
from vulngames.games import Anything
from vulngames.policies import FORMS
from vulngames.runs import Run
from vulngames.training import run_with_progress
from vulngames.training.config import EvalConfig, TrainConfig, resolve
from vulngames.training.observer import Observer


def train(
    game: Anything, policy: str = "tiny", *, out: str | Path, observers: Iterable[Observer] = (), **given: Any
) -> Run:
    """Train a policy in a game by GRPO, into the run directory `out`; progress goes to standard error.

    The same call on a directory whose run was cut short goes on where it stopped; on a finished run it returns at once.
    The trained policy is again a policy, `f"hf:{run.policy}"`. It needs the extra `train`.

    Args:
        game: an id, `package.module:NAME`, `FILE.py:NAME`, a `Spec`, a game, its class, or a reward function.
        policy: `tiny`, or `hf:PATH_OR_ID` of a model with a chat template.
        observers: are told of its steps, samples and evaluations, and may end it; see `vulngames.training.observer`.
        given: fields of `vulngames.training.config.TrainConfig`, such as `steps`, `patched`, `data`, `seed`; the game's
            defaults for a policy of that size stand for the others.

    Returns:
        the finished run: `run.metrics()` has a row for each evaluation, `run.samples()` every sample.

    Raises:
        UserError: something that is named is not there or out of its range, or `out` holds another run.
    """
    return run_with_progress(resolve(TrainConfig, game, _named(policy), **given), _place(out), observers)


def evaluate(
    game: Anything, policy: str = "tiny", *, out: str | Path, observers: Iterable[Observer] = (), **given: Any
) -> Run:
    """Measure a policy in a game without training it, into the run directory `out`; a finished one is left as it is.

    Args:
        game: as in `train`.
        policy: `tiny`, `hf:PATH_OR_ID`, `api:MODEL@URL` or `script:able|unable|exploit`. A function or a policy of your
            own is played by `rollout`.
        observers: as in `train`; there is nothing to end.
        given: fields of `vulngames.training.config.EvalConfig`.

    Returns:
        the finished run; `run.metrics()` is one row, as `measure` has it.

    Raises:
        UserError: as `train`; or no sample could be scored.
    """
    return run_with_progress(resolve(EvalConfig, game, _named(policy), **given), _place(out), observers)


def _place(out: Any) -> Path:
    if not isinstance(out, str | PathLike) or not fspath(out):
        raise UserError(f"out = {out!r:.60} is no path; valid: the directory that is to hold the run")
    return Path(out)


def _named(policy: Any) -> str:
    if not isinstance(policy, str):
        raise UserError(f"policy = {policy!r:.60} is no name; valid: {FORMS}; rollout plays any function or policy")
    return policy
