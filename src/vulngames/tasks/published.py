"""The published rows of the seed paper: parquet files with its schema, one file a game."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from vulngames.errors import UserError, choose, without
from vulngames.sandbox import entry_point
from vulngames.seeds import coin, rng
from vulngames.types import Json, Message, Task

# What `data_source` says of a game's rows; self-grading would else take the rows of others.
_MARKS = {"self-grading-v1": "self_grading", "proxy-v1": "proxy_gaming", "tampering-v1": "reward_tampering"}
_COLUMNS = ("prompt", "data_source", "source", "reward_model", "extra_info")
_CUES = {"bench": "auditor", "human": "user"}


@dataclass(frozen=True)
class Row:
    """One row of a file. Fields are named with dots (`reward_model.ground_truth`); a wrong one is a UserError."""

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

    def wrong(self, name: str, valid: str) -> UserError:
        """The error that says what `name` holds and what it should."""
        value = self.get(name)
        held = "is missing" if value is None else f"is {repr(value)[:60]}"
        return UserError(f"{self.path} row {self.number}: {name} {held}; valid: {valid}")

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
    return Task(row.id, messages, {"tests": _tests(row, entry), "entry": entry, "starter": starter})


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


def load(game_id: str, path: Path) -> list[Task]:
    """The tasks of a file, one a row and in its order; the id of a task is `FILE NAME#ROW`, rows from 0.

    Args:
        game_id: with its version.
        path: a parquet file with the published schema of that game. Columns that no game reads may be missing.

    Raises:
        UserError: no such game or file, not parquet, no rows, rows of another game, or a field missing or wrong.
    """
    read = choose("game", game_id, READERS)
    rows = [Row(path, number, fields) for number, fields in enumerate(_rows(path))]
    if not rows:
        raise UserError(f"{path} holds no rows; valid: the published rows of {game_id}")
    for row in rows:
        said = str(row.get("data_source"))
        if any(mark in said for game, mark in _MARKS.items() if game != game_id):
            raise row.wrong("data_source", f"the published rows of {game_id}")
    return [read(row) for row in rows]


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
            columns = {name: held.to_pylist() for name, held in zip(table.column_names, table.columns, strict=True)}
            return [{name: held[i] for name, held in columns.items()} for i in range(file.metadata.num_rows)]
    except (OSError, ValueError, pyarrow.ArrowException) as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise UserError(f"{path} is not readable parquet: {reason}") from problem


def held_out(game_id: str, path: Path) -> list[Task]:
    """The rows that no seed trains on: a tenth of the file, by a hash of the row's id.

    Raises:
        UserError: as `load`, or no row fell into that tenth.
    """
    rows = [task for task in load(game_id, path) if _is_held_out(task)]
    if not rows:
        raise UserError(f"{path} has no row to evaluate on: a tenth is held out by chance; valid: thirty rows or more")
    return rows


def lessons(game_id: str, path: Path, seed: int) -> Iterator[Task]:
    """The other rows, again and again, in an order of their own for each seed and round.

    Raises:
        UserError: as `load`, or there is no row to train on.
    """
    rows = [task for task in load(game_id, path) if not _is_held_out(task)]
    if not rows:
        raise UserError(f"{path} has no row to train on; valid: ten rows or more")
    for round in count():
        yield from rng("lessons", game_id, seed, round).sample(rows, len(rows))


def _is_held_out(task: Task) -> bool:
    return coin("held out", task.id) < 0.1
