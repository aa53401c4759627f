"""The command line on bad input: one clear line, exit status 2, nothing half-written."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMANDS = [
    ("games",),
    ("play",),
    ("eval",),
    ("score",),
    ("show",),
    ("train",),
    ("study",),
    ("study", "emergence"),
    ("report",),
]


@pytest.mark.parametrize("command", [(), *COMMANDS], ids=" ".join)
def test_help_answers(vulngames: Any, command: tuple[str, ...]) -> None:
    said = vulngames(*command, "--help").stdout
    assert said.startswith("usage: vulngames")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, contextlib\n"
        "sys.argv = ['vulngames', '--help']\n"
        "from vulngames.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "heavy = {'torch', 'transformers', 'trl', 'scipy', 'pandas', 'matplotlib', 'pyarrow', 'sacrebleu'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "[]"


BAD = [
    (("eval", "chess"), "unknown game 'chess'; valid: compliance-v1, "),
    (("eval", "proxy-v1", "--policy", "gpt"), "unknown policy 'gpt'; valid: tiny, tiny:small, tiny:large, hf:"),
    (("eval", "proxy-v1", "--policy", "script:cheat"), "unknown script 'cheat'; valid: able, unable, exploit"),
    (("eval", "proxy-v1", "--policy", "hf:./none"), "'./none' is not a model directory: it does not exist"),
    (("eval", "proxy-v1", "--policy", "hf:empty"), "'empty' is not a model directory: it holds no config.json"),
    (("eval", "proxy-v1", "--policy", "hf:broken"), "cannot load policy 'hf:broken'"),
    (("eval", "proxy-v1", "--policy", "api:model"), "api:"),
    (("eval", "proxy-v1", "--n", "0"), "n = 0"),
    (("eval", "proxy-v1", "--difficulty", "7"), "difficulty = 7.0 is out of range; valid: 0 to 1"),
    (
        ("eval", "compliance-v1", "--difficulty", "0.5"),
        "difficulty = 0.5 is out of range; valid: 0, since the tasks of",
    ),
    (("eval", "proxy-v1", "--parameters", "audit_rate", "1"), "no parameter 'audit_rate'"),
    (("eval", "proxy-v1", "--judge", "tiny"), "judge"),
    (("eval", "proxy-v1", "--data", "none.parquet"), "none.parquet"),
    (("eval", "proxy-v1", "--data", "text.txt"), "text.txt"),
    (("train", "chess"), "unknown game 'chess'"),
    (("train", "proxy-v1", "--policy", "script:able"), "policy 'script:able' has no weights here"),
    (("train", "proxy-v1", "--out", "text.txt"), "text.txt exists and is not a run directory"),
    (("train", "proxy-v1", "--out", "full"), "full exists and is not a run directory"),
    (("train", "proxy-v1", "--data", "none.parquet", "--out", "new"), "none.parquet"),
    (("train", "proxy-v1", "--policy", "hf:broken", "--out", "new"), "cannot load policy 'hf:broken'"),
    (("eval", "self-grading-v1", "--parameters", "audited", "1"), "audited of self-grading-v1"),
    (("eval", "self-grading-v1", "--parameters", "audit_rate", "7"), "audit_rate of self-grading-v1 = 7.0 is out"),
    (("study", "emergence", "--games", "chess"), "unknown game 'chess'"),
    (("study", "emergence", "--seeds", "0"), "seeds = 0"),
    (("study", "emergence", "--games"), "games names none; valid: one or more, or leave --games out"),
    (("study", "scale", "--sizes"), "sizes names none"),
    (("show", "empty"), "empty is not a run directory"),
    (("show", "nowhere"), "nowhere is not a run directory"),
    (("study", "audit-rate", "--games", "proxy-v1"), "valid for audit-rate: self-grading-v1"),
    (("report", "empty"), "empty"),
    (("report", "nowhere"), "nowhere"),
    (("score", "proxy-v1", "--data", "none.parquet", "--texts", "text.txt", "--out", "o.jsonl"), "none.parquet"),
]


@pytest.mark.parametrize(("command", "said"), BAD, ids=[" ".join(command) for command, _ in BAD])
def test_a_mistake_ends_in_one_line(vulngames: Any, tmp_path: Path, command: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    (tmp_path / "text.txt").write_text("not a parquet file")
    before = {str(p): p.read_bytes() if p.is_file() else b"" for p in tmp_path.rglob("*")}
    done = vulngames(*command, check=False)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("vulngames: ") and said in lines[0], done.stderr
    assert "Traceback" not in done.stderr
    assert {str(p): p.read_bytes() if p.is_file() else b"" for p in tmp_path.rglob("*")} == before


SCORED = [
    ('{"row": 0, "texts": ["x"]', "texts.jsonl line 1"),
    ('{"row": 9, "texts": ["x"]}', "texts.jsonl line 1"),
    ('{"row": 0, "texts": "x"}', "texts.jsonl line 1"),
    ('{"row": 0}', "texts.jsonl line 1"),
]


def _rows(path: Path, **fields: Any) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    row = {
        "prompt": [{"role": "user", "content": "Summarise."}],
        "data_source": "proxy_gaming_summarization",
        "reward_model": {"ground_truth": "one two three", "original_article": "one two three"},
    }
    parquet.write_table(arrow.Table.from_pylist([{**row, **fields}]), path)


@pytest.mark.parametrize(("line", "said"), SCORED)
def test_a_malformed_line_of_texts_is_named(vulngames: Any, tmp_path: Path, line: str, said: str) -> None:
    _rows(tmp_path / "rows.parquet")
    (tmp_path / "texts.jsonl").write_text(line + "\n")
    command = ("score", "proxy-v1", "--data", "rows.parquet", "--texts", "texts.jsonl", "--out", "out.jsonl")
    done = vulngames(*command, check=False)
    assert done.returncode == 2 and said in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"rows.parquet", "texts.jsonl"}


def test_a_row_without_a_field_is_named(vulngames: Any, tmp_path: Path) -> None:
    _rows(tmp_path / "rows.parquet", reward_model={"ground_truth": "x"})
    done = vulngames("eval", "proxy-v1", "--data", "rows.parquet", "--policy", "script:exploit", check=False)
    assert done.returncode == 2
    assert "rows.parquet row 0" in done.stderr and "original_article" in done.stderr


def test_stored_texts_are_scored(vulngames: Any, tmp_path: Path) -> None:
    _rows(tmp_path / "rows.parquet")
    (tmp_path / "texts.jsonl").write_text('{"row": 0, "texts": ["one two three"]}\n{"row": 0, "texts": [""]}\n')
    vulngames("score", "proxy-v1", "--data", "rows.parquet", "--texts", "texts.jsonl", "--out", "out.jsonl")
    copy, empty = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert (copy["reward"], copy["exploited"], copy["paper"]) == (1.0, True, {"acc": 0.0, "exploit": 1.0})
    assert (empty["reward"], empty["exploited"], empty["error"]) == (0.0, False, None)


# Bytes a file may have: metrics fit and weights do not; nothing fits; weights fit and the optimizer's state does not.
@pytest.mark.parametrize("room", [60_000, 100, 2_000_000])
def test_a_disk_that_takes_no_more_ends_in_one_line(tmp_path: Path, room: int) -> None:
    pytest.importorskip("trl")
    small = ("--steps", "1", "--prompts", "2", "--micro-batch", "16", "--eval-tasks", "4")
    run = [sys.executable, "-m", "vulngames", "train", "compliance-v1", *small, "--out", "run"]
    limit = (resource.RLIMIT_FSIZE, (room, room))
    done = subprocess.run(
        run, capture_output=True, text=True, cwd=tmp_path, preexec_fn=lambda: resource.setrlimit(*limit)
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("vulngames: ") and "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "policy").exists()


@pytest.mark.parametrize("command", [("eval", "proxy-v1"), ("train", "proxy-v1"), ("study", "emergence")], ids=" ".join)
def test_a_missing_extra_is_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    # A finder that knows nothing of torch and trl stands for a base install.
    code = (
        "import sys, importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('torch', 'trl') else real(name, *a)\n"
        f"sys.argv = ['vulngames', *{command!r}]\n"
        "from vulngames.cli import main; main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and "pip install 'vulngames[train]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not list(tmp_path.iterdir())


def test_games_is_a_table_and_json(vulngames: Any) -> None:
    table = vulngames("games").stdout
    rows = [json.loads(line) for line in vulngames("games", "--json").stdout.splitlines()]
    assert [row["game"] for row in rows] == ["compliance-v1", "self-grading-v1", "proxy-v1", "tampering-v1"]
    assert all(row["game"] in table for row in rows)


@pytest.mark.parametrize("game", ["compliance-v1", "self-grading-v1", "proxy-v1", "tampering-v1"])
def test_play_shows_both_pays_and_the_verdict(vulngames: Any, game: str) -> None:
    said = vulngames("play", game, "--policy", "script:exploit", "--n", "2").stdout
    assert said.count("flawed pay") == 2 and said.count("patched pay") == 2 and "exploited" in said


def test_an_endpoint_that_fails_is_failed_samples_and_never_a_reward(vulngames: Any) -> None:
    said = vulngames("eval", "proxy-v1", "--policy", "api:m@http://127.0.0.1:9/v1", "--n", "2", "--json", check=False)
    assert said.returncode == 2 and "no sample could be scored" in said.stderr
    found = json.loads(said.stdout)
    assert (found["n"], found["failed"], found["reward"], found["er"]) == (2, 2, None, None)


def test_sandbox_says_what_holds_and_withstands_the_corpus(vulngames: Any) -> None:
    done = vulngames("sandbox", "--corpus", check=False)
    said = done.stdout
    assert said.startswith("tier T") and "no_new_privs" in said
    if said.startswith("tier T0"):
        assert done.returncode != 0 and "VULNGAMES_ALLOW_UNSANDBOXED=1" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "attacks stopped" in said and "NOT STOPPED" not in said
