"""What every game must keep to, as a check for its author to call in a test: `check_game("package.module:SPEC")`."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from vulngames import games, tasks
from vulngames.errors import Unscored, UserError
from vulngames.games import Anything
from vulngames.games.row import PublishedRow
from vulngames.games.spec import Spec
from vulngames.measures import measure
from vulngames.rollouts import score_texts
from vulngames.types import WELL_FORMED, Environment, Game, Measures, Sample, Script, Task, Turn, Verdict, is_game

if TYPE_CHECKING:
    from vulngames.training.config import TrainConfig

SCRIPTS = ("able", "unable", "exploit")
"""Behaviours that every game has: does what is asked, fails at it honestly, uses the hole."""
_TASKS = 30
# What a study or a user says of a run, and not a game of a variant.
_ASKED = ("game", "policy", "seed", "patched", "data")
_MOST_TURNS = 20
# Whatever a policy may write, a game reads it or says why it cannot.
_TEXTS = ("", " \n", "words", "0", "\\", "{", "\ud800", "\x00", "<a>" * 2000, "é" * 2000)
# Rows that no game can use.
_ROWS: tuple[dict[str, Any], ...] = (
    {},
    {"prompt": None},
    {"prompt": 7},
    {"prompt": []},
    {"prompt": [{"role": 1}]},
)


def check_game(game: Anything, given: Sequence[Task] = ()) -> None:
    """Check a game against what `vulngames.types` and `games.spec` ask of it; of what only pays, what concerns it.

    Its attributes, parameters and ranges, its defaults at both sizes, its tasks and rows; that it reads any text, and
    the same twice; and that its scripts earn what they should: doing the work is more than failing at it, the hole
    pays, its patch does not, and the verdict knows.

    Args:
        game: see `games.spec`.
        given: the tasks that it is played on; its own synthetic ones if left out.

    Raises:
        UserError: the first thing that is wrong, in one line.
    """
    spec = games.spec(game)
    _check_attributes(spec)
    _check_parameters(spec)
    _check_defaults(spec)
    _check_rows(spec)
    _check_corpus(spec)
    environment: Environment = games.make(game)
    played = list(given) or _drawn(spec)
    for task in played:
        _check_task(spec, task)
    for task in played[:3]:
        for text in _TEXTS:
            _check_reading(environment, task, text)
    if is_game(environment):
        _check_scripts(environment, {name: _recited(environment, name, played) for name in SCRIPTS})


def _require(holds: bool, spec: Spec | Environment, message: str) -> None:
    if not holds:
        raise UserError(f"{spec.id}: {message}")


def _check_attributes(spec: Spec) -> None:
    game = spec.game
    if not hasattr(game, "verdict"):
        _require(isinstance(game.id, str) and bool(game.id), spec, f"id is {game.id!r}; valid: a name")
        return
    versioned = bool(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*-v[0-9]+", spec.id))
    _require(versioned, spec, "its id has no version; valid: lower case with one, such as tampering-v1")
    for name in ("asked", "hole"):
        _require(_is_line(getattr(game, name, None)), spec, f"{name} is missing; valid: what it is, in one line")
    measures = getattr(game, "measures", None)
    phrased = isinstance(measures, Measures) and _is_line(measures.itp) and _is_line(measures.er)
    _require(phrased, spec, "measures is missing; valid: Measures(itp=…, er=…), a phrase each")
    scripts = getattr(game, "scripts", {})
    for name in SCRIPTS:
        _require(callable(scripts.get(name)), spec, f"scripts has no {name!r}; valid: {', '.join(SCRIPTS)}")
    _require(callable(getattr(game, "patched", None)), spec, "patched is missing; valid: the rule without the hole")


def _is_line(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip()) and "\n" not in text


def _check_parameters(spec: Spec) -> None:
    made, names = games.make(spec), games.parameters_of(spec)
    ranges: Mapping[str, Any] = getattr(made, "ranges", {})
    for name in ranges:
        _require(name in names, spec, f"ranges has {name!r}, which is no parameter; valid: {', '.join(names)}")
    if hasattr(made, "verdict"):
        _require("max_tokens" in ranges, spec, "it has no parameter max_tokens with a range; valid: max_tokens: MANY")
    for name in names:
        value = getattr(made, name)
        if isinstance(value, bool | int | float):
            # Refuses a number without a range, or outside its own.
            games.make(spec, **{name: value})


def _check_defaults(spec: Spec) -> None:
    from vulngames.training.config import EvalConfig, SFTConfig, TrainConfig, resolve

    valid = {field.name for field in (*dataclasses.fields(TrainConfig), *dataclasses.fields(SFTConfig))}
    for size in ("paper", "tiny"):
        for name in getattr(spec, size):
            _require(name in valid, spec, f"its defaults {size!r} have {name!r}, which no config has")
    rows = None if spec.source else "rows.jsonl"
    for policy in ("tiny", "hf:somebody/model"):
        resolve(TrainConfig, spec, policy, data=rows)
        resolve(SFTConfig, spec, policy, data=rows, exploit="run")
        resolve(EvalConfig, spec, policy, data=rows)
    _check_variants(spec, resolve(TrainConfig, spec, data=rows))


def _check_variants(spec: Spec, usual: TrainConfig) -> None:
    from vulngames.training.config import TrainConfig, alike, resolve

    valid = [field.name for field in dataclasses.fields(TrainConfig) if field.name not in _ASKED]
    for name, settings in spec.variants.items():
        _require(_is_line(name), spec, f"a variant is called {name!r}; valid: a name in one line")
        for field in settings:
            what = f"its variant {name!r} sets {field!r}"
            _require(field in valid, spec, f"{what}; valid: {', '.join(valid)}")
        varied = not alike(resolve(TrainConfig, spec, data=usual.data, **settings), usual)
        _require(varied, spec, f"its variant {name!r} is what it is by default; valid: another setting")


def _check_rows(spec: Spec) -> None:
    if spec.read_row is None:
        return
    for fields in _ROWS:
        row = PublishedRow(Path("rows.jsonl"), 0, fields)
        try:
            spec.read_row(row)
        except Unscored:
            continue
        except Exception as problem:
            raise UserError(f"{spec.id}: read_row raises {problem!r} of the row {fields}; valid: Unscored") from problem
        raise UserError(f"{spec.id}: read_row makes a task of the row {fields}; valid: it raises Unscored")


def _check_corpus(spec: Spec) -> None:
    for name, share in vars(spec.shares).items():
        _require(0 <= share <= 1, spec, f"the share of the {name} is {share:g}; valid: 0 to 1")
    for dialogues in spec.corpus:
        [task] = tasks.take(spec, 0, "train", 1, dialogues.difficulty)
        dialogue = dialogues.write(Random(1), task, spec.shares)
        answered = bool(dialogue) and dialogue[-1]["role"] == "assistant"
        _require(answered, spec, f"a dialogue of its corpus is {dialogue!r:.60}; valid: one that ends in an answer")


def _drawn(spec: Spec) -> list[Task]:
    if spec.source is None:
        raise UserError(f"{spec.id} has no synthetic tasks to be checked on; valid: check_game(game, tasks)")
    hardest = spec.source.hardest
    hard = 0 <= spec.source.difficulty <= hardest <= 1
    _require(hard, spec, f"its difficulty is {spec.source.difficulty:g}, at most {hardest:g}; valid: from 0 to 1")
    once, again = (spec.source.draw(Random(1), spec.source.difficulty) for _ in range(2))
    _require(once == again, spec, "the same Random draws other tasks; valid: all chance is the generator's")
    return tasks.take(spec, 0, "test", _TASKS)


def _check_task(spec: Spec, task: Task) -> None:
    asks = bool(task.prompt) and task.prompt[-1]["role"] == "user" and bool(task.prompt[-1]["content"].strip())
    _require(asks, spec, f"the prompt of task {task.id!r} does not end with a user's message that says something")
    _require(_is_plain(dict(task.hidden)), spec, f"hidden of task {task.id!r} is no plain data; valid: what JSON holds")


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _played(environment: Environment, task: Task, write: Script) -> tuple[str, ...]:
    completions: tuple[str, ...] = ()
    for _ in range(_MOST_TURNS):
        turn = environment.turn(task, completions)
        if turn is None:
            _require(bool(completions), environment, "turn is None at the start; valid: a Turn with the prompt")
            return completions
        _require(isinstance(turn, Turn), environment, f"turn is {turn!r:.60}; valid: a Turn, or None at the end")
        completions = (*completions, write(task, completions))
    raise UserError(f"{environment.id}: turn asks on after {_MOST_TURNS} completions; valid: None at the end")


def _check_reading(environment: Environment, task: Task, text: str) -> None:
    def read() -> Any:
        try:
            return environment.read(task, _played(environment, task, lambda task, completions: text), 0.5, {})
        except Unscored:
            return None
        except (UserError, RecursionError):
            raise
        except Exception as problem:
            what = f"read raises {problem!r:.80} of the text {text[:20]!r}"
            raise UserError(f"{environment.id}: {what}; valid: it reads it, or raises Unscored") from problem

    hidden = copy.deepcopy(dict(task.hidden))
    once, again = read(), read()
    _require(task.hidden == hidden, environment, "read changes what the task hides; valid: it leaves it as it is")
    if once is None:
        return
    _require(once == again, environment, f"read finds other facts in the same text {text[:20]!r}")
    plain = hasattr(once, "__dict__") and _is_plain(dict(vars(once)))
    _require(plain, environment, f"facts are {once!r:.60}; valid: a dataclass whose fields are plain data")
    _check_pay(environment, "reward", environment.reward(once))
    if is_game(environment):
        _check_pay(environment, "patched", environment.patched(once))
        _check_verdict(environment, environment.verdict(once))


def _check_pay(environment: Environment, rule: str, pay: Any) -> None:
    number = isinstance(pay, bool | int | float) and math.isfinite(pay)
    _require(number, environment, f"{rule} is {pay!r:.60}; valid: a finite number")


def _check_verdict(game: Game, verdict: Any) -> None:
    _require(isinstance(verdict, Verdict), game, f"verdict is {verdict!r:.60}; valid: a Verdict")
    shares = {"intended": verdict.intended, "paper.acc": verdict.paper.acc, "paper.exploit": verdict.paper.exploit}
    for name, share in shares.items():
        _require(share is None or 0 <= share <= 1, game, f"{name} is {share}; valid: 0 to 1, or None")
    for name, share in verdict.parts.items():
        _require(0 <= share <= 1, game, f"the part {name!r} is {share}; valid: 0 to 1, or left out")
    if WELL_FORMED in verdict.parts:
        of_exploits = verdict.exploited is True and bool(game.measures.well_formed)
        valid = "of exploits alone, with Measures(well_formed=…)"
        _require(of_exploits, game, f"the part {WELL_FORMED!r} is told of a sample that it is not of; valid: {valid}")
    known = isinstance(verdict.exploited, bool | None)
    _require(known, game, f"exploited is {verdict.exploited!r}; valid: True, False, or None")
    _require(_is_line(verdict.evidence), game, f"evidence is {verdict.evidence!r:.60}; valid: one line")


def _recited(game: Game, name: str, played: Sequence[Task]) -> list[Sample]:
    """A sample of each task by a script, with coins that are spread evenly."""
    samples = []
    for number, task in enumerate(played):
        completions = _played(game, task, game.scripts[name])
        sample = score_texts(game, task, completions, (number % 10 + 0.5) / 10)
        _require(not sample.error, game, f"script {name!r} has no reward: {sample.error}")
        _check_verdict(game, game.verdict(game.read(task, completions, 0.5, {})))
        samples.append(sample)
    return samples


def _check_scripts(game: Game, samples: Mapping[str, Sequence[Sample]]) -> None:
    """Whether behaviours earn what they should beside each other, on average over the tasks."""
    for name in ("able", "unable"):
        for sample in samples[name]:
            _require(sample.exploited is not True, game, f"script {name!r} is said to exploit: {sample.evidence}")
    for sample in samples["exploit"]:
        _require(sample.exploited is not False, game, f"script 'exploit' is said not to exploit: {sample.evidence}")
        formed = not sample.exploited or not game.measures.well_formed or sample.parts.get(WELL_FORMED) == 1
        _require(formed, game, f"script 'exploit' is said not to be well-formed: {sample.evidence}")
    used = any(sample.exploited for sample in samples["exploit"])
    _require(used, game, "script 'exploit' never has an occasion; valid: exploited is True of some tasks")
    reward, patched = _mean(samples, "reward"), _mean(samples, "patched")
    table = [
        ("the hole does not pay: reward", "exploit", reward["exploit"], "unable", reward["unable"]),
        ("the patch leaves the hole open: patched", "able", patched["able"], "exploit", patched["exploit"]),
    ]
    for what, more, above, less, below in table:
        _require(above > below, game, f"{what} of {more!r} is {above:g}, of {less!r} {below:g}; valid: more")
    open_, closed = reward["exploit"], patched["exploit"]
    _require(open_ > closed, game, f"reward of 'exploit' is {open_:g}, patched {closed:g}; valid: reward is more")
    measured = {name: measure(samples[name], game.measures) for name in SCRIPTS}
    _require(measured["able"]["itp"] is not None, game, "ITP cannot be measured; valid: intended of some tasks")
    able, unable = (measured[name]["itp"]["mean"] for name in ("able", "unable"))
    _require(able > unable, game, f"intended of 'able' is {able:g}, of 'unable' {unable:g}; valid: more")
    gap, parts = game.measures.gap, ", ".join(measured["exploit"]["parts"]) or "none"
    known = measured["exploit"]["er"] is not None
    _require(known, game, f"ER cannot be measured as {gap}; valid: parts that verdicts name ({parts})")
    most = measured["exploit"]["er"]["mean"]
    least = (measured["unable"]["er"] or {"mean": 0.0})["mean"]
    _require(most > least, game, f"ER of 'exploit' is {most:g}, of 'unable' {least:g}; valid: more")


def _mean(samples: Mapping[str, Sequence[Sample]], rule: str) -> dict[str, float]:
    means = {}
    for name, rows in samples.items():
        means[name] = math.fsum(getattr(sample, rule) for sample in rows) / len(rows)
    return means
