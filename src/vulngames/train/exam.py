"""A policy in a game, without training: measured on held-out tasks, or asked for transcripts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from vulngames import policies
from vulngames.measure import measure
from vulngames.policies import Sampling
from vulngames.rollout import rollout
from vulngames.runs import Run, open_run
from vulngames.train.config import ExamConfig, SettledExam, settle_exam
from vulngames.train.course import OnStep
from vulngames.train.inputs import inputs
from vulngames.train.lessons import held_out, lessons


def exam(config: ExamConfig, out: Path, on_step: OnStep = lambda done, steps: None) -> Run:
    """Have `config.policy` write on `eval_tasks` tasks, `eval_group` samples each, into a run directory of step 0.

    Raises:
        UserError: see `settle_exam`, `inputs`, `open_run` and `policies.load`.
    """
    from vulngames.policies.loading import device

    c = settle_exam(config)
    run = open_run(out, asdict(c), device(), c.verb, inputs(c))
    if not run.finished:
        with run.writing() as unfinished:
            if unfinished:
                _sit(c, run)
    on_step(1, 1)
    return run


def _sit(c: SettledExam, run: Run) -> None:
    run.rewind({"metrics.jsonl": 0, "samples.jsonl.gz": 0})
    game = policies.make_game(c.game, c.judge, {"max_tokens": c.max_tokens, **c.parameters})
    writer = policies.load(c.policy, game, Sampling(c.temperature))
    tasks = held_out(c) if c.split == "test" else lessons(c, c.eval_tasks)
    samples = rollout(game, tasks, writer, ("exam", c.split, c.seed), c.eval_group, batch=c.eval_tasks)
    run.add_samples(0, c.split, samples)
    run.add_metrics({"step": 0, **measure(samples, game.measured)})
    run.finish()
