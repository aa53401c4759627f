"""Three verbs, each from a config to a run directory: `rl`, `sft` and `eval`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vulngames.train.config import EvalConfig, SFTConfig, TrainConfig

if TYPE_CHECKING:
    from vulngames.runs import Run
    from vulngames.train.observer import Observer


def run_config(config: TrainConfig | SFTConfig | EvalConfig, out: Path, observers: Iterable[Observer] = ()) -> Run:
    """Do what `config` asks into `out`, or go on where it stopped.

    Raises:
        UserError: see `rl`, `sft`, `evaluate` and `refuse_ranks`.
    """
    # None at the top: they need torch, and the command line's help does not.
    from vulngames.train.ranks import refuse_ranks

    refuse_ranks()
    if isinstance(config, TrainConfig):
        from vulngames.train.grpo import rl

        return rl(config, out, observers)
    if isinstance(config, SFTConfig):
        from vulngames.train.sft import sft

        return sft(config, out, observers)
    from vulngames.train.evaluate import evaluate

    return evaluate(config, out, observers)


def run_with_progress(
    config: TrainConfig | SFTConfig | EvalConfig, out: Path, observers: Iterable[Observer] = ()
) -> Run:
    """`run_config` with a progress bar on standard error, or lines where it is no terminal."""
    from vulngames.progress import RunBars, run_progress
    from vulngames.train.bars import RunBar

    with run_progress(transient=True) as progress:
        bar = RunBar(RunBars(progress, detailed=True), out, config.verb)
        return run_config(config, out, [bar, *observers])
