"""Three verbs, each from a config to a run directory: `rl`, `sft` and `eval`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vulngames.train.config import EvalConfig, SFTConfig, TrainConfig

if TYPE_CHECKING:
    from vulngames.runs import Run


def run_config(config: TrainConfig | SFTConfig | EvalConfig, out: Path, on_step: Callable[[int, int], object]) -> Run:
    """Do what `config` asks into `out`, or go on where it stopped; `on_step` is told (finished steps, all steps).

    Raises:
        UserError: see `rl`, `sft`, `evaluate` and `refuse_ranks`.
    """
    # None at the top: they need torch, and the command line's help does not.
    from vulngames.train.ranks import refuse_ranks

    refuse_ranks()
    if isinstance(config, TrainConfig):
        from vulngames.train.grpo import rl

        return rl(config, out, on_step)
    if isinstance(config, SFTConfig):
        from vulngames.train.sft import sft

        return sft(config, out, on_step)
    from vulngames.train.evaluate import evaluate

    return evaluate(config, out, on_step)
