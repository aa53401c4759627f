"""A policy in a game, without training: measured on held-out tasks, or asked for transcripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vulngames import policies
from vulngames.errors import UserError
from vulngames.measure import measure
from vulngames.policies import Sampling
from vulngames.rollout import rollout
from vulngames.runs import Run, open_run
from vulngames.train.config import ExamConfig, SettledExam, settle_exam
from vulngames.train.inputs import inputs
from vulngames.train.lessons import held_out, lessons
from vulngames.types import Game, Sample

Drawn = tuple[Game[Any], list[Sample]]


def exam(config: ExamConfig, out: Path, on_step: Callable[[int, int], object] = lambda done, steps: None) -> Run:
    """Have `config.policy` write on `eval_tasks` tasks, `eval_group` samples each, into a run directory of step 0.

    Raises:
        UserError: see `settle_exam`, `inputs`, `open_run` and `policies.load`; or no sample could be scored.
    """
    c = settle_exam(config)
    run = record(out, asdict(c), lambda: _sit(c))
    if not run.finished:
        reason = next(run.samples())["error"]
        raise UserError(f"no sample could be scored, and {out} is left unfinished: {reason}")
    on_step(1, 1)
    return run


def _sit(c: SettledExam) -> Drawn:
    game = policies.make_game(c.game, c.judge, {"max_tokens": c.max_tokens, **c.parameters})
    writer = policies.load(c.policy, game, Sampling(c.temperature))
    tasks = held_out(c) if c.split == "test" else lessons(c, c.eval_tasks)
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
    run = open_run(out, config, policies.device_of(config["policy"]), ExamConfig.verb, inputs(config))
    if not run.finished:
        with run.writing() as unfinished:
            if unfinished:
                run.rewind({"metrics.jsonl": 0, "samples.jsonl.gz": 0})
                _write(run, config["split"], *draw())
    return run


def _write(run: Run, split: str, game: Game[Any], samples: list[Sample]) -> None:
    measured = measure(samples, game.measured)
    run.add_samples(0, split, samples)
    run.add_metrics({"step": 0, **measured})
    if measured["failed"] < measured["n"]:
        run.finish()
