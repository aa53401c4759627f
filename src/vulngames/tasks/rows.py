"""Rows of a file as tasks: parquet, such as the published rows of the seed paper, or JSON lines."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from vulngames import digests
from vulngames.errors import Unscored, UserError, without
from vulngames.games import SPECS, Anything, spec
from vulngames.games.row import VALID, PublishedRow
from vulngames.games.spec import Spec
from vulngames.seeds import coin, rng
from vulngames.types import Json, Task

_COLUMNS = ("prompt", "data_source", "source", "reward_model", "extra_info")
"""What the games read of published rows; the other columns of such a file are not opened."""
_A_FILE = "a file of rows, parquet or JSON lines (.jsonl)"
# Unusable rows that a warning tells of one by one.
_NAMED = 3


def read_rows(game: Anything, path: Path) -> list[Task | Unscored]:
    """Every row of a file in its order, from 0: its task, or in the place of one that cannot be used the reason.

    The id of a task is `FILE NAME#ROW`. Rows that cannot be used are counted, and some named, in a warning.

    Args:
        game: see `games.spec`.
        path: a parquet file or JSON lines (`.jsonl`); for a game of published rows in this package with the schema of
            those. Columns that no game reads may be missing.

    Raises:
        UserError: no such game or file, not parquet, no rows, or none that can be used: of another game, or with a
            field missing or wrong.
    """
    known = spec(game)
    tasks: list[Task | Unscored] = []
    for number, fields in enumerate(_rows(path, known)):
        tasks.append(_task(known, PublishedRow(path, number, fields)))
    if not tasks:
        raise UserError(f"{path} holds no rows; valid: the rows of {known.id}")
    reasons = [task for task in tasks if isinstance(task, Unscored)]
    if len(reasons) == len(tasks):
        others = f"; none of its {len(tasks)} rows can be used" if len(tasks) > 1 else ""
        raise UserError(f"{path} {reasons[0]}{others}")
    if reasons:
        _warn(f"{path}: {len(reasons)} of {len(tasks)} rows cannot be used: {_told(reasons)}")
    return tasks


def _task(game: Spec, row: PublishedRow) -> Task | Unscored:
    if game.read_row is None:
        raise UserError(f"{game.id} does not read rows; valid: its synthetic tasks")
    try:
        if game.id in SPECS and _is_of_another(game, str(row.get("data_source"))):
            raise row.wrong("data_source", f"the published rows of {game.id}")
        return game.read_row(row)
    except Unscored as reason:
        return reason


def _is_of_another(game: Spec, data_source: str) -> bool:
    others = [spec.data_source for spec in SPECS.values() if spec is not game and spec.data_source]
    return any(name in data_source for name in others)


def _told(reasons: Sequence[Unscored]) -> str:
    more = f"; and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
    return "; ".join(str(reason).partition(VALID)[0] for reason in reasons[:_NAMED]) + more


# A run reads its rows for every evaluation, and says it once.
@cache
def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)


def load(game: Anything, path: Path) -> list[Task]:
    """The tasks of a file, in its order, without the rows that cannot be used.

    Raises:
        UserError: as `read_rows`.
    """
    return [task for task in read_rows(game, Path(path)) if isinstance(task, Task)]


def digest(game: Anything, path: Path) -> str:
    """The digest of what the rows of a file hold for a game, in its order; how parquet packs them is no part of it.

    Raises:
        UserError: no such file, or not readable.
    """
    return digests.of_json(_rows(path, spec(game)))


def _rows(path: Path, game: Spec) -> list[dict[str, Json]]:
    if path.suffix == ".jsonl":
        return [row for _, row in json_lines(_there(path), "one with a prompt")]
    return _parquet_rows(path, _COLUMNS if game.id in SPECS and game.data_source else None)


def _there(path: Path) -> Path:
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise UserError(f"{path} {what}; valid: {_A_FILE}")
    return path


def json_lines(path: Path, valid: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """The objects of a file of JSON lines, each with its place for a message. Blank lines are left out.

    Args:
        valid: what an object should be, for the message about a line that is none.

    Raises:
        UserError: a line is no object, not JSON, or not UTF-8; it names the file and the line, from 1.
        OSError: the file cannot be read.
    """
    # Not splitlines: JSON strings may hold the other characters that it takes for line ends.
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        where = f"{path} line {number}"
        if not line.strip():
            continue
        try:
            value = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise UserError(f"{where}: not UTF-8; valid: a file of JSON lines") from None
        except (ValueError, RecursionError) as problem:
            raise UserError(f"{where}: not JSON ({problem}); valid: a JSON object in UTF-8") from None
        if not isinstance(value, dict):
            raise UserError(f"{where}: {json.dumps(value)[:60]} is not an object; valid: {valid}")
        yield where, value


def _parquet_rows(path: Path, columns: Sequence[str] | None) -> list[dict[str, Json]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise without("reading parquet needs pyarrow", "data") from None
    try:
        with parquet.ParquetFile(_there(path)) as file:
            names = [name for name in file.schema_arrow.names if columns is None or name in columns]
            table = file.read(columns=names)
            rows: list[dict[str, Json]] = [{} for _ in range(file.metadata.num_rows)]
            for name, column in zip(table.column_names, table.columns, strict=True):
                for row, scalar in zip(rows, column, strict=True):
                    row[name] = _value(scalar)
            return rows
    except (OSError, ValueError, pyarrow.ArrowException) as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise UserError(f"{path} is not readable parquet: {reason.rstrip('.')}; valid: {_A_FILE}") from problem


def _value(scalar: Any) -> Json:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as problem:
        # One text that is none must not cost the whole file: its bytes are no value of any field.
        return problem.object


def held_out(game: Anything, path: Path) -> list[Task]:
    """The rows that no seed trains on: a tenth, by a hash of what each holds, in an order that depends on that alone.

    So the same rows are held out of a copy of the file under another name, with its rows in another order, or with some
    of them left out; and rows that are the same are all held out, or none.

    Raises:
        UserError: as `read_rows`, or no row fell into that tenth.
    """
    tasks = [task for task in _in_order(game, path) if _is_held_out(task)]
    if not tasks:
        raise UserError(f"{path} has no row to evaluate on: a tenth is held out by chance; valid: thirty rows or more")
    return tasks


def trainable(game: Anything, path: Path) -> list[Task]:
    """The other rows, in an order that depends on what they hold alone.

    Raises:
        UserError: as `read_rows`, or there is no row to train on.
    """
    tasks = [task for task in _in_order(game, path) if not _is_held_out(task)]
    if not tasks:
        raise UserError(f"{path} has no row to train on; valid: ten rows or more")
    return tasks


def train_rows(game: Anything, path: Path, seed: int) -> Iterator[Task]:
    """The rows to train on, again and again, in an order of their own for each seed and round.

    Raises:
        UserError: as `trainable`.
    """
    tasks = trainable(game, path)
    for round in count():
        yield from rng("lessons", spec(game).id, seed, round).sample(tasks, len(tasks))


def _in_order(game: Anything, path: Path) -> list[Task]:
    return sorted(load(game, path), key=_content)


def _content(task: Task) -> str:
    return digests.of_json([task.prompt, task.hidden])


def _is_held_out(task: Task) -> bool:
    return coin("held out", _content(task)) < 0.1
