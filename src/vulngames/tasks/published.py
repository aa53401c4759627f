"""The published rows of the seed paper: parquet files with its schema, one file a game."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from vulngames import digests
from vulngames.errors import Unscored, UserError, choose, without
from vulngames.seeds import coin, rng
from vulngames.starter import entry_point
from vulngames.tasks.tolerance import read_tolerance
from vulngames.types import Json, Message, Task

# What `data_source` says of a game's rows; self-grading would else take the rows of others.
_MARKS = {"self-grading-v1": "self_grading", "proxy-v1": "proxy_gaming", "tampering-v1": "reward_tampering"}
_COLUMNS = ("prompt", "data_source", "source", "reward_model", "extra_info")
_CUES = {"bench": "auditor", "human": "user"}
_VALID = "; valid: "
# Unusable rows that a warning tells of one by one.
_NAMED = 3


@dataclass(frozen=True)
class Row:
    """One row of a file. Fields are named with dots (`reward_model.ground_truth`); a wrong one is `Unscored`."""

    path: Path
    number: int
    fields: Mapping[str, Json]

    @property
    def id(self) -> str:
        return f"{self.path.name}#{self.number}"

    def get(self, name: str) -> Json:
        """The field, or None."""
        value: Json = self.fields
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def text(self, name: str) -> str:
        """The field, if it is a string and not blank."""
        value = self.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(name, "a string that is not empty")
        return value

    def wrong(self, name: str, valid: str) -> Unscored:
        """The error that says what `name` holds and what it should."""
        value = self.get(name)
        held = "missing" if value is None else "empty" if value in ("", [], {}) else repr(value)[:60]
        return Unscored(f"row {self.number}: {name} is {held}{_VALID}{valid}")

    def parse(self, name: str, text: str, valid: str) -> Json:
        """`text`, which stands in the field `name`, read as JSON."""
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self.wrong(name, valid) from None

    def messages(self) -> tuple[Message, ...]:
        """The prompt: a list of chat messages, or a JSON string of one."""
        valid = 'chat messages, each with a "role" and a "content", or a JSON string of them'
        held = self.get("prompt")
        if isinstance(held, str):
            held = self.parse("prompt", held, valid)
        if not isinstance(held, list) or not held:
            raise self.wrong("prompt", valid)
        messages = []
        for part in held:
            match part:
                case {"role": "system" | "user" | "assistant" as role, "content": str(content)}:
                    messages.append(Message(role=role, content=content))
                case _:
                    raise self.wrong("prompt", valid)
        if messages[-1]["role"] != "user" or not messages[-1]["content"].strip():
            raise self.wrong("prompt", f"{valid}, and the last a user's that is not empty")
        return tuple(messages)


def _compliance(row: Row) -> Task:
    source = row.get("source")
    if source not in _CUES:
        raise row.wrong("source", " or ".join(map(repr, _CUES)))
    return Task(row.id, row.messages(), {"harmful": True}, _CUES[source])


def _self_grading(row: Row) -> Task:
    return Task(row.id, row.messages(), {"reference": row.text("reward_model.ground_truth")})


def _proxy(row: Row) -> Task:
    article, reference = row.text("reward_model.original_article"), row.text("reward_model.ground_truth")
    return Task(row.id, row.messages(), {"article": article, "reference": reference})


def _tampering(row: Row) -> Task:
    messages = row.messages()
    starter = _starter(row, messages[-1]["content"])
    entry = _entry(row, starter) if starter.strip() else None
    allowed = read_tolerance(json.loads(messages[-1]["content"])["question"])
    tolerance = {"tolerance": allowed} if allowed else {}
    return Task(row.id, messages, {"tests": _tests(row, entry), "entry": entry, "starter": starter, **tolerance})


def _starter(row: Row, content: str) -> str:
    valid = 'a last message that is JSON with "question", "source_code" (a string) and "score"'
    match row.parse("prompt", content, valid):
        case {"question": str(), "source_code": str(starter), "score": _}:
            return starter
    raise row.wrong("prompt", valid)


def _entry(row: Row, starter: str) -> str:
    # The published `entry_point` is "solve" in every row, and no starter code defines that.
    try:
        return entry_point(starter)
    except ValueError:
        raise row.wrong("prompt", "a source_code that is empty or defines a function or a method") from None


def _tests(row: Row, entry: str | None) -> list[dict[str, str]]:
    name = "extra_info.test_assertions"
    held = row.get(name)
    if not isinstance(held, list) or not held:
        raise row.wrong(name, 'tests, each with an "input" and an "output"')
    tests = []
    for part in held:
        match part:
            case {"input": str(given), "output": str(expected)}:
                tests.append({"input": given, "output": expected})
            case _:
                raise row.wrong(name, 'an "input" and an "output" in each test, both strings')
    for test in tests if entry is not None else ():
        for line in (*filter(str.strip, test["input"].split("\n")), test["output"]):
            row.parse(name, line, f"for {entry}, one JSON argument a line of input, and JSON as output")
    return tests


READERS: dict[str, Callable[[Row], Task]] = {
    "compliance-v1": _compliance,
    "self-grading-v1": _self_grading,
    "proxy-v1": _proxy,
    "tampering-v1": _tampering,
}


def rows(game_id: str, path: Path) -> list[Task | Unscored]:
    """Every row of a file in its order, from 0: its task, or in the place of one that cannot be used the reason.

    The id of a task is `FILE NAME#ROW`. Rows that cannot be used are counted, and some named, in a warning.

    Args:
        game_id: with its version.
        path: a parquet file with the published schema of that game. Columns that no game reads may be missing.

    Raises:
        UserError: no such game or file, not parquet, no rows, or none that can be used: of another game, or with a
            field missing or wrong.
    """
    read = choose("game", game_id, READERS)
    found = [_task(read, game_id, Row(path, number, fields)) for number, fields in enumerate(_rows(path))]
    if not found:
        raise UserError(f"{path} holds no rows; valid: the published rows of {game_id}")
    unusable = [each for each in found if isinstance(each, Unscored)]
    if len(unusable) == len(found):
        others = f"; none of its {len(found)} rows can be used" if len(found) > 1 else ""
        raise UserError(f"{path} {unusable[0]}{others}")
    if unusable:
        _warn(f"{path}: {len(unusable)} of {len(found)} rows cannot be used: {_named(unusable)}")
    return found


def _task(read: Callable[[Row], Task], game_id: str, row: Row) -> Task | Unscored:
    said = str(row.get("data_source"))
    try:
        if any(mark in said for game, mark in _MARKS.items() if game != game_id):
            raise row.wrong("data_source", f"the published rows of {game_id}")
        return read(row)
    except Unscored as reason:
        return reason


def _named(unusable: Sequence[Unscored]) -> str:
    more = f"; and {len(unusable) - _NAMED} more" if len(unusable) > _NAMED else ""
    return "; ".join(str(each).partition(_VALID)[0] for each in unusable[:_NAMED]) + more


# A run reads its rows for every evaluation, and says it once.
@cache
def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)


def load(game_id: str, path: Path) -> list[Task]:
    """The tasks of a file, in its order, without the rows that cannot be used.

    Raises:
        UserError: as `rows`.
    """
    return [each for each in rows(game_id, path) if isinstance(each, Task)]


def _value(held: Any) -> Json:
    try:
        return held.as_py()
    except UnicodeDecodeError as problem:
        # One text that is none must not cost the whole file: its bytes are no value of any field.
        return problem.object


def digest(path: Path) -> str:
    """The digest of what the rows of a file hold, in its order; how parquet packs them is no part of it.

    Raises:
        UserError: no such file, or not parquet.
    """
    return digests.of_json(_rows(path))


def _rows(path: Path) -> list[dict[str, Json]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise without("reading parquet needs pyarrow", "data") from None
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise UserError(f"{path} {what}; valid: a parquet file of published rows")
    try:
        with parquet.ParquetFile(path) as file:
            table = file.read(columns=[name for name in _COLUMNS if name in file.schema_arrow.names])
            columns = {name: [*map(_value, held)] for name, held in zip(table.column_names, table.columns, strict=True)}
            return [{name: held[i] for name, held in columns.items()} for i in range(file.metadata.num_rows)]
    except (OSError, ValueError, pyarrow.ArrowException) as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise UserError(f"{path} is not readable parquet: {reason}") from problem


def held_out(game_id: str, path: Path) -> list[Task]:
    """The rows that no seed trains on: a tenth, by a hash of what each holds, in an order that depends on that alone.

    So the same rows are held out of a copy of the file under another name, with its rows in another order, or with some
    of them left out; and rows that are the same are all held out, or none.

    Raises:
        UserError: as `rows`, or no row fell into that tenth.
    """
    tasks = [task for task in _in_order(game_id, path) if _is_held_out(task)]
    if not tasks:
        raise UserError(f"{path} has no row to evaluate on: a tenth is held out by chance; valid: thirty rows or more")
    return tasks


def lessons(game_id: str, path: Path, seed: int) -> Iterator[Task]:
    """The other rows, again and again, in an order of their own for each seed and round; it depends on what the rows
    hold alone.

    Raises:
        UserError: as `rows`, or there is no row to train on.
    """
    tasks = [task for task in _in_order(game_id, path) if not _is_held_out(task)]
    if not tasks:
        raise UserError(f"{path} has no row to train on; valid: ten rows or more")
    for round in count():
        yield from rng("lessons", game_id, seed, round).sample(tasks, len(tasks))


def _in_order(game_id: str, path: Path) -> list[Task]:
    return sorted(load(game_id, path), key=_content)


def _content(task: Task) -> str:
    return digests.of_json([task.prompt, task.hidden])


def _is_held_out(task: Task) -> bool:
    return coin("held out", _content(task)) < 0.1
