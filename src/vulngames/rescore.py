"""Scores completions that were written elsewhere, or earlier, without sampling anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from vulngames.errors import Unscored, UserError
from vulngames.files import writing
from vulngames.rollouts import judge_batch, score_texts
from vulngames.seeds import coin
from vulngames.tasks.rows import json_lines
from vulngames.types import BatchJudged, Environment, Json, Paper, Sample, Task

# Lines about which a judge is asked together.
BATCH = 64


def read_texts(path: Path, n_rows: int) -> list[dict[str, Json]]:
    """The lines of a texts file, checked: {"row", "texts", "audited"?, "judgement"?} and whatever else they hold.

    Blank lines are left out. Null is treated as missing.

    Args:
        n_rows: tasks there are; a row is a number in [0, n_rows).

    Raises:
        UserError: no such file, or a malformed line; it names the file and the line, from 1. What a judgement says is
            not checked here: an unknown one makes the reward null.
    """
    try:
        lines = list(json_lines(path, '{"row": 0, "texts": ["..."]}'))
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror}; valid: a file of JSON lines") from problem
    for where, line in lines:
        _check_line(where, line, n_rows)
    return [line for _, line in lines]


def _check_line(where: str, line: Mapping[str, Json], n_rows: int) -> None:
    row, texts, audited = line.get("row"), line.get("texts"), line.get("audited")
    if type(row) is not int or not 0 <= row < n_rows:
        raise UserError(f"{where}: row is {_short(row)}; valid: a whole number from 0 to {n_rows - 1}")
    if not isinstance(texts, list) or not all(isinstance(part, str) for part in texts):
        raise UserError(f"{where}: texts is {_short(texts)}; valid: a list of strings, one per turn")
    if not isinstance(audited, bool | None):
        raise UserError(f"{where}: audited is {_short(audited)}; valid: true or false")


def _short(value: Json) -> str:
    return json.dumps(value)[:60]


def rescore(
    environment: Environment, tasks: Sequence[Task | Unscored], lines: Iterable[Mapping[str, Json]]
) -> Iterator[dict[str, Json]]:
    """Each line with what it earns: `reward`, `patched`, `intended`, `exploited`, `evidence`, `paper`, `error`.

    A reward that cannot be computed is null with the reason in `error`, which is otherwise null. Texts beyond the
    game's turns are not read. A line that does not say whether it was audited is given a coin of its own, which belongs
    to its task and its number among the lines, from 1: scoring again gives the same.

    Args:
        tasks: one per row; where a row cannot be used, the reason, which is then that of its lines.
        lines: as `read_texts` returns them; `row` is an index into `tasks`.
    """
    numbered = enumerate(lines, start=1)
    while batch := list(islice(numbered, BATCH)):
        yield from _rescored(environment, tasks, batch)


def _rescored(
    environment: Environment, tasks: Sequence[Task | Unscored], batch: Sequence[tuple[int, Mapping[str, Json]]]
) -> Iterator[dict[str, Json]]:
    reasons: dict[int, str] = {}
    unjudged: dict[int, tuple[Task, Sequence[str]]] = {}
    for number, line in batch:
        task = tasks[line["row"]]
        if isinstance(task, Unscored):
            reasons[number] = str(task)
        elif not line["texts"]:
            reasons[number] = "no texts to score"
        elif isinstance(environment, BatchJudged) and line.get(environment.judged_as) is None:
            unjudged[number] = (task, line["texts"])
    judged = dict(zip(unjudged, judge_batch(environment, list(unjudged.values())), strict=True))
    for number, line in batch:
        if number in reasons:
            yield {**line, **_UNSCORED, "error": reasons[number]}
            continue
        task, judgement = tasks[line["row"]], judged.get(number, {})
        assert isinstance(task, Task), "the others have a reason"
        known = {name: value for name, value in line.items() if value is not None}
        recorded = judgement if isinstance(judgement, Unscored) else {**judgement, **known}
        draw = coin("score", task.id, number)
        yield {**line, **_earned(score_texts(environment, task, line["texts"], draw, recorded))}


_UNSCORED: Mapping[str, Json] = {
    "reward": None,
    "patched": None,
    "intended": None,
    "exploited": None,
    "evidence": "",
    "paper": asdict(Paper(None, None)),
}


def _earned(sample: Sample) -> dict[str, Json]:
    fields = {name: getattr(sample, name) for name in _UNSCORED}
    return {**fields, "paper": asdict(sample.paper), "error": sample.error or None}


def write_scores(out: Path, rows: Iterable[Mapping[str, Json]]) -> None:
    """Write rows as JSON lines, whole or not at all: an interrupted or failed scoring leaves `out` as it was.

    Raises:
        UserError: nothing can be written there.
    """
    with writing(out) as file:
        for row in rows:
            file.write(f"{json.dumps(row)}\n".encode())
