"""A policy in a game, without training: measured on held-out tasks, or asked for transcripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vulngames import environment, policies
from vulngames.errors import UserError
from vulngames.measure import measure
from vulngames.policies import Sampling
from vulngames.rollout import rollout
from vulngames.runs import Run, open_run
from vulngames.train.config import EvalConfig
from vulngames.train.inputs import inputs
from vulngames.train.splits import eval_tasks, train_tasks
from vulngames.types import Environment, Sample, measures_of

Drawn = tuple[Environment[Any], list[Sample]]


def evaluate(config: EvalConfig, out: Path, on_step: Callable[[int, int], object] = lambda done, steps: None) -> Run:
    """Have `config.policy` write on `eval_tasks` tasks, `eval_group` samples each, into a run directory of step 0.

    Raises:
        UserError: see `inputs`, `open_run` and `policies.load`; or no sample could be scored.
    """
    run = record(out, asdict(config), lambda: _draw(config))
    if not run.finished:
        reason = next(run.samples())["error"]
        raise UserError(f"no sample could be scored, and {out} is left unfinished: {reason}")
    on_step(1, 1)
    return run


def _draw(c: EvalConfig) -> Drawn:
    game = environment.make(c.game, c.judge, {"max_tokens": c.max_tokens, **c.parameters})
    writer = policies.load(c.policy, game, Sampling(c.temperature))
    tasks = eval_tasks(c) if c.split == "test" else train_tasks(c, c.eval_tasks)
    return game, rollout(game, tasks, writer, ("exam", c.split, c.seed), c.eval_group, batch=c.eval_tasks)


def record(out: Path, config: Mapping[str, Any], draw: Callable[[], Drawn]) -> Run:
    """Keep what `draw` gives, and its measures, in a run directory of step 0; a finished one is left as it is.

    It is not resumed: what a kill leaves is drawn again. A run of which no sample could be scored holds the failed
    samples and is not finished, so that the same command tries again.

    Args:
        config: what decides the samples; it names at least the `policy` and the `split`.

    Raises:
        UserError: see `inputs` and `open_run`, and whatever `draw` raises.
    """
    run = open_run(out, config, policies.device_of(config["policy"]), EvalConfig.verb, inputs(config))
    if not run.finished:
        with run.writing() as unfinished:
            if unfinished:
                run.rewind({"metrics.jsonl": 0, "samples.jsonl.gz": 0})
                _write(run, config["split"], *draw())
    return run


def _write(run: Run, split: str, game: Environment[Any], samples: list[Sample]) -> None:
    measured = measure(samples, measures_of(game))
    run.add_samples(0, split, samples)
    run.add_metrics({"step": 0, **measured})
    if measured["failed"] < measured["n"]:
        run.finish()
