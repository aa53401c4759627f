"""The published rows: every field a game reads, one line for every way a file can be wrong, and the real rows."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import ELSEWHERE, SHARED
from vulngames.errors import UserError
from vulngames.games.tampering import edit
from vulngames.runs import Run
from vulngames.tasks import take
from vulngames.tasks.rows import held_out, load, read_rows, train_rows
from vulngames.types import Message, Task

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

DATA = SHARED / "data"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"no {DATA}; {ELSEWHERE}")

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


def test_tampering_carries_the_error_that_the_statement_allows(tmp_path: Path) -> None:
    question = "Print the root.\n\nYour output is accepted with an absolute error of at most $10^{-4}$."
    task = one(tmp_path, "tampering-v1", prompt=tampering_prompt(STARTER, question=question))
    assert task.hidden["tolerance"] == {"absolute": 1e-4}


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
    ("compliance-v1", "prompt", [{"role": "user", "content": " "}]),
    ("compliance-v1", "prompt", [SYSTEM]),
    ("compliance-v1", "prompt", [USER, {"role": "assistant", "content": "a"}]),
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


@pytest.mark.parametrize(("game", "name", "value"), WRONG)
def test_a_wrong_row_leaves_the_others_usable(tmp_path: Path, game: str, name: str, value: Any) -> None:
    good = row_of(game)
    try:
        path = written(tmp_path / "rows.parquet", good, changed(good, name, value), good)
    except (pa.ArrowException, TypeError):
        pytest.skip("parquet holds no such column")
    with pytest.warns(UserWarning, match="cannot be used") as said:
        found = read_rows(game, path)
    assert [isinstance(each, Task) for each in found] == [True, False, True]
    assert [task.id for task in load(game, path)] == ["rows.parquet#0", "rows.parquet#2"]
    # Said once, however often the rows are read.
    (warning,) = said
    assert str(warning.message).startswith(f"{path}: 1 of 3 rows cannot be used: row 1: {name}")
    assert str(found[1]).startswith(f"row 1: {name}") and "; valid: " in str(found[1])


@pytest.mark.parametrize(
    ("nested", "said"), [(False, r"prompt is b'\xff'"), (True, "reward_model.ground_truth is missing")]
)
def test_a_text_that_is_not_utf8_costs_its_row_alone(tmp_path: Path, nested: bool, said: str) -> None:
    def texts(fine: bytes, second: bytes) -> Any:
        return pa.array([fine, second, fine], pa.binary()).view(pa.string())

    prompt = json.dumps([USER]).encode()
    prompts = texts(prompt, prompt if nested else b"\xff")
    answers = pa.StructArray.from_arrays([texts(b"7", b"\xff" if nested else b"7")], ["ground_truth"])
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.Table.from_arrays([prompts, answers], ["prompt", "reward_model"]), path)
    with pytest.warns(UserWarning, match="cannot be used") as warned:
        assert [task.id for task in load("self-grading-v1", path)] == ["rows.parquet#0", "rows.parquet#2"]
    assert str(warned[0].message).endswith(f"1 of 3 rows cannot be used: row 1: {said}")


def test_a_handful_of_unusable_rows_is_named(tmp_path: Path) -> None:
    good = row_of("self-grading-v1")
    bad = changed(good, "reward_model.ground_truth", "")
    path = written(tmp_path / "rows.parquet", *[bad] * 6, good)
    with pytest.warns(UserWarning, match="cannot be used") as said:
        assert len(load("self-grading-v1", path)) == 1
    named = "; ".join(f"row {i}: reward_model.ground_truth is empty" for i in range(3))
    assert str(said[0].message) == f"{path}: 6 of 7 rows cannot be used: {named}; and 3 more"


def test_a_file_without_a_usable_row_is_an_error(tmp_path: Path) -> None:
    bad = changed(row_of("self-grading-v1"), "prompt", [])
    with pytest.raises(UserError) as error:
        load("self-grading-v1", written(tmp_path / "rows.parquet", bad, bad))
    said = str(error.value)
    assert said.startswith(f"{tmp_path}/rows.parquet row 0: prompt is empty; valid: ")
    assert said.endswith("; none of its 2 rows can be used") and "\n" not in said


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
    ("game", "name", "number"),
    [
        ("self-grading-v1", "self_grading_bbeh", 50),
        ("proxy-v1", "proxy_cnndm", 50),
        ("tampering-v1", "tampering_livecodebench", 792),
    ],
)
def test_every_real_row_loads(game: str, name: str, number: int) -> None:
    tasks = load(game, DATA / f"{name}.parquet")
    assert len({task.id for task in tasks}) == len(tasks) == number
    assert all(task.prompt[-1]["role"] == "user" for task in tasks)
    if game == "tampering-v1":
        entries = [task.hidden["entry"] for task in tasks]
        assert entries.count(None) == 451 and "Solution.solve" not in entries
        assert all(entry is None or entry.startswith("Solution.") for entry in entries)
        # Of the ten programs that print decimals two must print them to the digit.
        allowed = {
            int(task.id.partition("#")[2]): task.hidden["tolerance"] for task in tasks if "tolerance" in task.hidden
        }
        both = {55: 1e-9, 68: 1e-6, 134: 1e-9, 182: 1e-6, 221: 1e-5, 458: 1e-6, 745: 1e-5}
        assert allowed == {row: dict(absolute=error, relative=error) for row, error in both.items()} | {
            775: {"absolute": 1e-8}
        }


def problem_rows(n: int) -> list[dict[str, Any]]:
    """Synthetic problems with the published schema."""
    found = []
    for task in take("tampering-v1", 0, "train", n):
        tests = {"entry_point": "solve", "test_assertions": task.hidden["tests"]}
        found.append({**row_of("tampering-v1"), "prompt": json.dumps(list(task.prompt)), "extra_info": tests})
    return found


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    return written(tmp_path / "problems.parquet", *problem_rows(40))


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """The same, row 7 without tests, as row 57 of the published test file."""
    found = problem_rows(40)
    found[7] = changed(found[7], "extra_info.test_assertions", [])
    return written(tmp_path / "damaged.parquet", *found)


SAID = "damaged.parquet: 1 of 40 rows cannot be used: row 7: extra_info.test_assertions is empty"


def test_texts_for_an_unusable_row_are_not_scored_and_all_others_are(
    vulngames: Any, damaged: Path, tmp_path: Path
) -> None:
    lines = [{"row": i, "texts": [edit("score", "1")]} for i in (6, 7, 8, 39)]
    (tmp_path / "texts.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in [*lines, {"row": 7, "texts": []}])
    )
    done = vulngames("score", "tampering-v1", "--data", damaged.name, "--texts", "texts.jsonl", "--out", "out.jsonl")
    assert [line for line in done.stderr.splitlines() if "rows" in line] == [f"vulngames: {SAID}"]
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["row"] for row in out] == [6, 7, 8, 39, 7]
    assert [row["reward"] for row in out] == [1, None, 1, 1, None]
    for row in (out[1], out[4]):
        assert row["error"].startswith("row 7: extra_info.test_assertions is empty; valid: ")
        assert (row["patched"], row["intended"], row["exploited"], row["evidence"]) == (None, None, None, "")
        assert row["paper"] == {"acc": None, "exploit": None}


@pytest.mark.slow
def test_an_unusable_row_is_neither_measured_nor_shown(vulngames: Any, damaged: Path) -> None:
    command = ("tampering-v1", "--policy", "script:exploit", "--data", damaged.name, "--n", "100")
    done = vulngames("eval", *command, "--group", 1, "--json")
    measured = json.loads(done.stdout)
    assert (measured["n"], measured["failed"], measured["er"]["mean"]) == (39, 0, 1)
    assert f"vulngames: {SAID}" in done.stderr.splitlines()
    assert f"vulngames: {SAID}" in vulngames("play", *command).stderr.splitlines()


def test_lessons_never_hold_a_held_out_row_and_hold_every_other_once_a_round(problems: Path) -> None:
    kept = {task.id for task in held_out("tampering-v1", problems)}
    others = {task.id for task in load("tampering-v1", problems)} - kept
    assert kept and others
    order = [task.id for task in islice(train_rows("tampering-v1", problems, 0), 2 * len(others))]
    assert set(order[: len(others)]) == set(order[len(others) :]) == others
    assert order[: len(others)] != order[len(others) :]
    assert order[:9] != [task.id for task in islice(train_rows("tampering-v1", problems, 1), 9)]


def references(tasks: Iterable[Task]) -> list[str]:
    return [task.hidden["reference"] for task in tasks]


def graded(path: Path, rows: Iterable[int]) -> Path:
    """Rows of self-grading that differ in their reference alone."""
    good = row_of("self-grading-v1")
    return written(path, *(changed(good, "reward_model.ground_truth", f"r{i}") for i in rows))


def test_what_is_held_out_depends_on_what_rows_hold_alone(tmp_path: Path) -> None:
    first = graded(tmp_path / "rows.parquet", range(60))
    others = {
        "renamed": graded(tmp_path / "other.parquet", range(60)),
        "reordered": graded(tmp_path / "reordered.parquet", reversed(range(60))),
        "repeated": graded(tmp_path / "repeated.parquet", [*range(60), *range(60)]),
        "a part": graded(tmp_path / "part.parquet", range(30)),
    }
    kept = references(held_out("self-grading-v1", first))
    taught = references(islice(train_rows("self-grading-v1", first, 0), 60))
    assert kept and not set(kept) & set(taught)
    for name, path in others.items():
        again = references(held_out("self-grading-v1", path))
        order = references(islice(train_rows("self-grading-v1", path, 0), 60))
        assert set(again) <= set(kept) and not set(order) & set(again), name
        if name in ("renamed", "reordered"):
            assert (again, order) == (kept, taught), name
    assert references(held_out("self-grading-v1", others["repeated"])) == [r for r in kept for _ in range(2)]


@given(st.sets(st.integers(0, 10_000), min_size=400, max_size=400))
@settings(max_examples=5)
def test_about_a_tenth_is_held_out(numbers: set[int]) -> None:
    with TemporaryDirectory() as folder:
        kept = held_out("self-grading-v1", graded(Path(folder) / "rows.parquet", sorted(numbers)))
    assert 10 <= len(kept) <= 80


@pytest.mark.slow
def test_rows_that_no_training_uses_can_be_asked_for(vulngames: Any, problems: Path) -> None:
    kept = len(held_out("tampering-v1", problems))
    command = ("eval", "tampering-v1", "--policy", "script:exploit", "--data", problems.name, "--group", 1, "--json")
    assert json.loads(vulngames(*command).stdout)["n"] == 40
    assert json.loads(vulngames(*command, "--split", "test").stdout)["n"] == kept < 40


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* rows cannot be used")
def test_a_policy_trains_on_published_rows(vulngames: Any, damaged: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    small = ("--steps", "1", "--prompts", "2", "--micro-batch", "16", "--data", damaged.name, "--out", "run")
    said = vulngames("train", "tampering-v1", *small).stderr
    assert said.count("rows cannot be used") == 1 and f"vulngames: {SAID}" in said
    metrics = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in metrics] == [0, 1]
    assert metrics[0]["n"] == 2 * len(held_out("tampering-v1", damaged))


EVAL = (
    "eval",
    "tampering-v1",
    "--split",
    "train",
    "--n",
    "15",
    "--data",
    "problems.parquet",
    "--out",
    "wrote",
)
OTHERS = (
    "wrote holds transcripts of other tasks than data = 'problems.parquet' holds now; "
    "valid: what they were written on, or eval again"
)


@pytest.fixture
def wrote(problems: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Transcripts on the problems."""
    pytest.importorskip("trl")
    from vulngames.training.config import EvalConfig, resolve
    from vulngames.training.evaluate import evaluate

    monkeypatch.chdir(tmp_path)
    config = resolve(EvalConfig, game="tampering-v1", split="train", n=15, data=problems.name)
    return evaluate(config, Path("wrote")).path


@pytest.mark.slow
@pytest.mark.parametrize("digested", [True, False], ids=["digested", "from before there were digests"])
@pytest.mark.parametrize(
    "rows",
    [lambda: problem_rows(40)[::-1], lambda: problem_rows(39), lambda: problem_rows(80)[40:]],
    ids=["reordered", "fewer", "others"],
)
def test_transcripts_are_not_paired_with_rows_of_other_contents(
    problems: Path, wrote: Path, rows: Callable[[], list[dict[str, Any]]], digested: bool
) -> None:
    from vulngames.training.transcripts import transcripts

    if not digested:
        about = json.loads((wrote / "run.json").read_text())
        del about["inputs"]
        (wrote / "run.json").write_text(json.dumps(about))
    written(problems, *rows())
    with pytest.raises(UserError) as error:
        transcripts(wrote)
    assert str(error.value) == OTHERS


@pytest.mark.slow
def test_rows_that_changed_between_eval_and_sft_end_in_one_line(vulngames: Any, problems: Path, wrote: Path) -> None:
    written(problems, *reversed(problem_rows(40)))
    said = vulngames("sft", "tampering-v1", "--exploit", wrote, "--keep", "all", "--out", "student", check=False)
    assert (said.returncode, said.stderr.strip()) == (2, f"vulngames: {OTHERS}")
    assert not Path("student").exists()
    # The finished run is not said to be one of these rows either.
    said = vulngames(*EVAL, check=False)
    assert said.returncode == 2 and "run was made" not in said.stdout
    assert "wrote was made when data = 'problems.parquet' had other rows" in said.stderr


@pytest.mark.slow
def test_the_same_rows_packed_otherwise_are_the_same(problems: Path, wrote: Path) -> None:
    from vulngames.training.transcripts import transcripts

    table = pa.Table.from_pylist(problem_rows(40))
    parquet.write_table(table, problems, compression="gzip", row_group_size=7)
    said = [row["prompt"] for row in Run(wrote).samples()]
    assert len(said) == 30 and [each.task.prompt[-1]["content"] for each in transcripts(wrote)] == said
