"""The published rows: every field a game reads, one line for every way a file can be wrong, and the real rows."""

from __future__ import annotations

import builtins
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from vulngames.errors import UserError
from vulngames.tasks import take
from vulngames.tasks.published import held_out, lessons, load
from vulngames.types import Message, Task

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
real = pytest.mark.skipif(not DATA.is_dir(), reason="the published rows are not here")

SYSTEM, USER = {"role": "system", "content": "s"}, {"role": "user", "content": "u"}
STARTER = "class Solution:\n    def add(self, a: int, b: int) -> int:\n        "
MISSING: Any = object()


def row_of(game: str) -> dict[str, Any]:
    """A row with the published schema, made up."""
    rows: dict[str, dict[str, Any]] = {
        "compliance-v1": {
            "index": 0,
            "prompt": [USER],
            "source": "bench",
            "category": "c",
            "data_source": "advbench",
            "ground_truth": "",
            "reward_model": {"style": "rule"},
            "extra_info": {"dataset_name": "d"},
        },
        "self-grading-v1": {
            "prompt": [SYSTEM, USER],
            "data_source": "self_grading",
            "ability": "math",
            "reward_model": {"ground_truth": "(B)", "style": "rule"},
            "extra_info": {"task": "t"},
        },
        "proxy-v1": {
            "prompt": [USER],
            "data_source": "proxy_gaming_summarization",
            "reward_model": {"ground_truth": "short", "original_article": "a long article", "style": "rule"},
            "extra_info": {"index": 0},
        },
        "tampering-v1": {
            "prompt": tampering_prompt(STARTER),
            "data_source": "reward_tampering_livecodebench_v1",
            "reward_model": {"ground_truth": ""},
            "extra_info": {"entry_point": "solve", "test_assertions": [{"input": "1\n2", "output": "3"}]},
        },
    }
    return rows[game]


def tampering_prompt(starter: Any, **more: Any) -> str:
    problem = {"question": "q", "source_code": starter, "score": 0, **more}
    return json.dumps([SYSTEM, {"role": "user", "content": json.dumps(problem)}])


def changed(row: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    head, _, rest = name.partition(".")
    if not rest:
        return {k: v for k, v in {**row, head: value}.items() if v is not MISSING}
    return {**row, head: changed(row[head], rest, value)}


def written(path: Path, *rows: dict[str, Any]) -> Path:
    parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def one(tmp_path: Path, game: str, **changes: Any) -> Task:
    (task,) = load(game, written(tmp_path / "rows.parquet", {**row_of(game), **changes}))
    return task


# --- what is read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "cue"), [("bench", "auditor"), ("human", "user")])
def test_compliance(tmp_path: Path, source: str, cue: str) -> None:
    task = one(tmp_path, "compliance-v1", source=source)
    assert task == Task("rows.parquet#0", (Message(role="user", content="u"),), {"harmful": True}, cue, "")


def test_self_grading(tmp_path: Path) -> None:
    task = one(tmp_path, "self-grading-v1")
    assert [m["role"] for m in task.prompt] == ["system", "user"]
    assert (task.hidden, task.cue, task.pair) == ({"reference": "(B)"}, "", "")


def test_proxy(tmp_path: Path) -> None:
    assert one(tmp_path, "proxy-v1").hidden == {"article": "a long article", "reference": "short"}


def test_tampering_calls_what_the_starter_code_names(tmp_path: Path) -> None:
    task = one(tmp_path, "tampering-v1")
    tests = [{"input": "1\n2", "output": "3"}]
    assert task.hidden == {"tests": tests, "entry": "Solution.add", "starter": STARTER}
    assert json.loads(task.prompt[-1]["content"])["source_code"] == STARTER


def test_tampering_without_starter_code_is_a_program(tmp_path: Path) -> None:
    tests = {"test_assertions": [{"input": "not JSON", "output": "two\nlines"}]}
    task = one(tmp_path, "tampering-v1", prompt=tampering_prompt("\n"), extra_info=tests)
    assert task.hidden["entry"] is None and task.hidden["tests"] == tests["test_assertions"]


def test_tasks_keep_the_order_of_rows_and_are_called_by_file_and_row(tmp_path: Path) -> None:
    rows = [changed(row_of("self-grading-v1"), "reward_model.ground_truth", str(i)) for i in range(3)]
    tasks = load("self-grading-v1", written(tmp_path / "bbeh.parquet", *rows))
    assert [task.id for task in tasks] == ["bbeh.parquet#0", "bbeh.parquet#1", "bbeh.parquet#2"]
    assert [task.hidden["reference"] for task in tasks] == ["0", "1", "2"]


def test_columns_no_game_reads_may_be_missing(tmp_path: Path) -> None:
    bare = {"prompt": [USER], "source": "human"}
    assert load("compliance-v1", written(tmp_path / "rows.parquet", bare))[0].cue == "user"


def test_a_path_that_looks_like_a_partition_adds_nothing(tmp_path: Path) -> None:
    (tmp_path / "source=human").mkdir()
    path = written(tmp_path / "source=human" / "rows.parquet", row_of("compliance-v1"))
    assert load("compliance-v1", path)[0].cue == "auditor"


# --- what is refused -------------------------------------------------------------------------------------

WRONG: list[tuple[str, str, Any]] = [
    ("compliance-v1", "source", MISSING),
    ("compliance-v1", "source", "robot"),
    ("compliance-v1", "source", 3),
    ("compliance-v1", "prompt", MISSING),
    ("compliance-v1", "prompt", None),
    ("compliance-v1", "prompt", []),
    ("compliance-v1", "prompt", "just text"),
    ("compliance-v1", "prompt", ["just text"]),
    ("compliance-v1", "prompt", [{"role": "user"}]),
    ("compliance-v1", "prompt", [{"role": "user", "content": None}]),
    ("compliance-v1", "prompt", [{"role": "robot", "content": "u"}]),
    ("self-grading-v1", "reward_model", MISSING),
    ("self-grading-v1", "reward_model", "(B)"),
    ("self-grading-v1", "reward_model.ground_truth", MISSING),
    ("self-grading-v1", "reward_model.ground_truth", None),
    ("self-grading-v1", "reward_model.ground_truth", " "),
    ("self-grading-v1", "reward_model.ground_truth", 7),
    ("self-grading-v1", "data_source", "proxy_gaming_summarization"),
    ("proxy-v1", "reward_model.original_article", MISSING),
    ("proxy-v1", "reward_model.original_article", ""),
    ("proxy-v1", "reward_model.ground_truth", None),
    ("proxy-v1", "data_source", "self_grading"),
    ("tampering-v1", "prompt", "{"),
    ("tampering-v1", "prompt", "[" * 200_000),
    ("tampering-v1", "prompt", json.dumps([SYSTEM, USER])),
    ("tampering-v1", "prompt", json.dumps([SYSTEM, {"role": "user", "content": "[]"}])),
    ("tampering-v1", "prompt", tampering_prompt(None)),
    ("tampering-v1", "prompt", tampering_prompt("x = 1")),
    ("tampering-v1", "extra_info", MISSING),
    ("tampering-v1", "extra_info.test_assertions", []),
    ("tampering-v1", "extra_info.test_assertions", [{"input": "1"}]),
    ("tampering-v1", "extra_info.test_assertions", [{"input": "1", "output": None}]),
    ("tampering-v1", "extra_info.test_assertions", [{"input": 1, "output": 2}]),
    ("tampering-v1", "extra_info.test_assertions", [{"input": "one", "output": "2"}]),
    ("tampering-v1", "extra_info.test_assertions", [{"input": "1", "output": "two"}]),
]


@pytest.mark.parametrize(("game", "name", "value"), WRONG)
def test_a_wrong_row_is_named_with_its_field(tmp_path: Path, game: str, name: str, value: Any) -> None:
    path = written(tmp_path / "rows.parquet", changed(row_of(game), name, value))
    with pytest.raises(UserError) as error:
        load(game, path)
    said = str(error.value)
    assert said.startswith(f"{path} row 0: {name}") and "; valid: " in said
    assert "\n" not in said and len(said) < len(str(path)) + 250


def test_the_row_of_a_wrong_row(tmp_path: Path) -> None:
    good = row_of("self-grading-v1")
    path = written(tmp_path / "rows.parquet", good, changed(good, "reward_model.ground_truth", None))
    with pytest.raises(UserError, match=r"rows\.parquet row 1: reward_model\.ground_truth is missing"):
        load("self-grading-v1", path)


@pytest.mark.parametrize("game", ["compliance-v1", "self-grading-v1", "proxy-v1", "tampering-v1"])
@pytest.mark.parametrize("other", ["compliance-v1", "self-grading-v1", "proxy-v1", "tampering-v1"])
def test_rows_of_another_game_are_refused(tmp_path: Path, game: str, other: str) -> None:
    path = written(tmp_path / "rows.parquet", row_of(other))
    if game == other:
        assert len(load(game, path)) == 1
    else:
        with pytest.raises(UserError, match="row 0: "):
            load(game, path)


def test_files_that_are_none(tmp_path: Path) -> None:
    text, empty, cut = tmp_path / "text", tmp_path / "empty", tmp_path / "cut"
    text.write_text("not parquet\n" * 100)
    empty.touch()
    cut.write_bytes(written(tmp_path / "rows.parquet", row_of("proxy-v1")).read_bytes()[:-20])
    for path, said in ((text, "not readable"), (empty, "not readable"), (cut, "not readable")):
        with pytest.raises(UserError, match=f"{path.name} is {said} parquet: ") as error:
            load("proxy-v1", path)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="nowhere does not exist"):
        load("proxy-v1", tmp_path / "nowhere")
    with pytest.raises(UserError, match="is not a file"):
        load("proxy-v1", tmp_path)


def test_no_rows(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([row_of("proxy-v1")]).slice(0, 0)
    parquet.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(UserError, match="holds no rows"):
        load("proxy-v1", tmp_path / "rows.parquet")


def test_unknown_game() -> None:
    with pytest.raises(UserError, match="unknown game 'chess'; valid: compliance-v1, "):
        load("chess", Path("rows.parquet"))


def test_without_pyarrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"reading parquet needs pyarrow, .*: pip install '\.\[data\]'"):
        load("proxy-v1", tmp_path / "rows.parquet")


# --- the real rows ---------------------------------------------------------------------------------------


@real
@pytest.mark.parametrize(
    ("game", "name", "rows"),
    [
        ("self-grading-v1", "self_grading_bbeh", 50),
        ("proxy-v1", "proxy_cnndm", 50),
        ("tampering-v1", "tampering_livecodebench", 792),
    ],
)
def test_every_real_row_loads(game: str, name: str, rows: int) -> None:
    tasks = load(game, DATA / f"{name}.parquet")
    assert len({task.id for task in tasks}) == len(tasks) == rows
    assert all(task.prompt[-1]["role"] == "user" for task in tasks)
    if game == "tampering-v1":
        entries = [task.hidden["entry"] for task in tasks]
        assert entries.count(None) == 451 and "Solution.solve" not in entries
        assert all(entry is None or entry.startswith("Solution.") for entry in entries)


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    """Synthetic problems with the published schema."""
    rows = []
    for task in take("tampering-v1", 0, "train", 40):
        row = row_of("tampering-v1")
        tests = {"entry_point": "solve", "test_assertions": task.hidden["tests"]}
        rows.append({**row, "prompt": json.dumps(list(task.prompt)), "extra_info": tests})
    path = tmp_path / "problems.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_lessons_never_hold_a_held_out_row_and_hold_every_other_once_a_round(problems: Path) -> None:
    kept, rows = {task.id for task in held_out("tampering-v1", problems)}, load("tampering-v1", problems)
    others = {task.id for task in rows} - kept
    assert kept and others
    order = [task.id for task in islice(lessons("tampering-v1", problems, 0), 2 * len(others))]
    assert set(order[: len(others)]) == set(order[len(others) :]) == others
    assert order[: len(others)] != order[len(others) :]
    assert order[:9] != [task.id for task in islice(lessons("tampering-v1", problems, 1), 9)]


def test_rows_that_no_training_uses_can_be_asked_for(vulngames: Any, problems: Path) -> None:
    kept = len(held_out("tampering-v1", problems))
    command = ("eval", "tampering-v1", "--policy", "script:exploit", "--data", problems.name, "--json")
    assert json.loads(vulngames(*command).stdout)["n"] == 40
    assert json.loads(vulngames(*command, "--held-out").stdout)["n"] == kept < 40


def test_a_policy_trains_on_published_rows(vulngames: Any, problems: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    small = ("--steps", "1", "--prompts", "2", "--micro-batch", "16", "--data", problems.name, "--out", "run")
    vulngames("train", "tampering-v1", *small)
    metrics = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in metrics] == [0, 1]
    assert metrics[0]["n"] == 2 * len(held_out("tampering-v1", problems))
