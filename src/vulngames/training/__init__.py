"""Four verbs, each from a config to a run directory: `rl`, `sft`, `eval` and `pretrain`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vulngames.errors import need
from vulngames.training.config import EvalConfig, SFTConfig, TrainConfig

if TYPE_CHECKING:
    from vulngames.runs import Run
    from vulngames.training.observer import Observer
    from vulngames.training.pretraining import PretrainConfig

    AnyConfig = TrainConfig | SFTConfig | EvalConfig | PretrainConfig


def run_config(config: AnyConfig, out: Path, observers: Iterable[Observer] = ()) -> Run:
    """Do what `config` asks into `out`, or go on where it stopped.

    Raises:
        UserError: see `rl`, `sft`, `evaluate`, `pretrain` and `refuse_ranks`.
    """
    # None at the top: they need torch, and the command line's help does not.
    from vulngames.training.ranks import refuse_ranks

    refuse_ranks()
    if isinstance(config, TrainConfig):
        from vulngames.training.grpo import rl

        return rl(config, out, observers)
    if isinstance(config, SFTConfig):
        from vulngames.training.sft import sft

        return sft(config, out, observers)
    from vulngames.training.pretraining import PretrainConfig, pretrain

    if isinstance(config, PretrainConfig):
        return pretrain(config, out, observers)
    from vulngames.training.evaluate import evaluate

    return evaluate(config, out, observers)


def run_with_progress(config: AnyConfig, out: Path, observers: Iterable[Observer] = ()) -> Run:
    """`run_config` with a progress bar on standard error, or lines where it is no terminal.

    Raises:
        UserError: as `run_config`, or training needs a package that is not installed.
    """
    from vulngames.progress import RunBars, run_progress
    from vulngames.training.bars import Bar
    from vulngames.training.observer import Observers

    if config.verb != "eval":
        need("trl", "train")
    with run_progress(transient=True) as progress:
        show = partial(RunBars(progress, detailed=True).show, out, config.verb)
        show(0, None)
        return run_config(config, out, [Bar(show), Observers(observers)])
