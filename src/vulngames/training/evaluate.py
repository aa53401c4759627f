"""A policy in a game, without training: measured on held-out tasks, or asked for transcripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from vulngames import environment, policies
from vulngames.errors import UserError
from vulngames.measures import measure
from vulngames.rollouts import rollout
from vulngames.runs import Run
from vulngames.training.config import EvalConfig
from vulngames.training.directory import open_directory
from vulngames.training.observer import Observer, Observers
from vulngames.training.splits import split_tasks
from vulngames.types import Conversation, Environment, Policy, Reply, Sample, Scripted, Turn, measures_of


def evaluate(config: EvalConfig, out: Path, observers: Iterable[Observer] = ()) -> Run:
    """Keep the samples of `config`, and their measures, in a run directory of step 0; a finished one is left as it is.

    Raises:
        UserError: as `record`; or no sample could be scored.
    """
    run = record(config, out, observers)
    if not run.finished:
        reason = next(run.samples())["error"]
        raise UserError(f"no sample could be scored, and {out} is left unfinished: {reason}")
    return run


def record(config: EvalConfig, out: Path, observers: Iterable[Observer] = ()) -> Run:
    """As `evaluate`; but where no sample could be scored, the run holds the failed ones and is not finished, so that
    the same call tries again.

    It is not resumed: what a kill leaves is drawn again.

    Raises:
        UserError: see `inputs`, `open_run` and `draw`.
    """
    observer = Observers(observers)
    run = open_directory(config, out, policies.device_of(config.policy))
    if not run.finished:
        with run.writing() as unfinished:
            if unfinished:
                _write(run, config, observer)
                return run
    observer.on_step(1, 1)
    return run


def _write(run: Run, config: EvalConfig, observer: Observer) -> None:
    run.rewind({"metrics.jsonl": 0, "samples.jsonl.gz": 0})
    run.go_on(policies.device_of(config.policy), step=0)
    game, samples = draw(config, observer)
    measures = {"step": 0, **measure(samples, measures_of(game))}
    run.add_samples(0, config.split, samples)
    run.add_metrics(measures)
    if measures["failed"] < measures["n"]:
        run.finish()
    observer.on_samples(0, samples)
    observer.on_evaluation(0, measures)


def draw(config: EvalConfig, observer: Observer = Observer()) -> tuple[Environment, list[Sample]]:
    """Have `config.policy` write on `config.n` tasks of its split, `config.group` samples each.

    `observer.on_step` is told how many replies are written, of as many as are asked for so far: a second turn asks for
    more of them.

    Raises:
        UserError: see `environment.make`, `policies.load` and `split_tasks`.
    """
    c = config
    game = environment.make(c.game, c.judge, {"max_tokens": c.max_tokens, **c.parameters}, c.sandbox)
    policy = policies.load(c.policy, game, c.sampling)
    tasks = split_tasks(c)
    watched = policy if isinstance(policy, Scripted) else _Watched(policy, observer)
    # The stream's name is older than the verb's; published numbers hang on it.
    samples = rollout(game, tasks, watched, ("exam", c.split, c.seed), c.group, batch=c.n)
    replies = sum(len(sample.completions) for sample in samples)
    observer.on_step(replies, replies)
    return game, samples


class _Watched:
    """A policy of which an observer hears how many replies are written."""

    def __init__(self, policy: Policy, observer: Observer) -> None:
        self.name = policy.name
        self._policy, self._observer = policy, observer
        self._written = self._asked = 0

    def generate(self, conversations: Sequence[Conversation], turn: Turn, seed: int) -> list[Reply]:
        self._asked += len(conversations)
        self._policy.advance = self._advance  # type: ignore[attr-defined]
        return self._policy.generate(conversations, turn, seed)

    def _advance(self, replies: int) -> None:
        self._written += replies
        # Whether there is another turn is not known before all have been written.
        self._observer.on_step(min(self._written, self._asked - 1), self._asked)
