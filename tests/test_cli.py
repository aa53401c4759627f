"""The command line on bad input: one clear line, exit status 2, nothing half-written."""

import json
import os
import re
import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from vulngames import cli
from vulngames.errors import UserError
from vulngames.games import SPECS
from vulngames.parsing import parse
from vulngames.studies.catalogue import ALL, CATALOGUE

COMMANDS = (
    "games", "play", "eval", "score", "train", "sft", "study", "show", "report", "table", "claims", "sandbox",
)  # fmt: skip
# What `--help` may import: of other people's packages the command line's parser, which takes typeguard along for a
# command with options; and of ours what holds options.
PARSER = {"tyro", "docstring_parser", "typing_extensions"}
OPTIONS = {
    "cli", "errors", "options", "parsing", "printable", "sampling", "selection", "studies", "studies.catalogue",
    "studies.plan", "training", "training.config",
}  # fmt: skip
# A run's help shows the defaults of the game that it names.
RUNS = ("play", "eval", "train", "sft", "study")
GAMES = {"games", "tasks", "policies", "environment", "digests", "seeds", "types", "starter"}
NOT_FOR_HELP = {"importlib.metadata", "asyncio", "email", "multiprocessing", "subprocess", "gzip", "unittest"}


@pytest.mark.parametrize("command", [(), *((each,) for each in COMMANDS), ("study", "emergence")], ids=" ".join)
def test_help_answers(vulngames: Any, command: tuple[str, ...]) -> None:
    said = vulngames(*command, "--help").stdout
    assert said.startswith(" ".join(("usage: vulngames", *command[:1])))


@pytest.mark.slow
def test_help_names_every_command_and_what_it_does(vulngames: Any) -> None:
    said = " ".join(vulngames("--help").stdout.replace("│", " ").split())
    assert "What will a model learn to exploit in this reward?" in said and "{" + ",".join(COMMANDS) + "}" in said
    for command in COMMANDS:
        does = " ".join(vulngames(command, "--help").stdout.partition("\n")[2].partition("╭")[0].split())
        assert f"• {command} {does}" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_no_help_has_none_for_a_default(vulngames: Any, command: str) -> None:
    said = vulngames(command, "--help").stdout
    assert "None" not in said and "(default: )" not in said and "unset" not in said


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("train", {"--steps": "25", "--prompts": "8", "--micro-batch": "16", "--max-tokens": "40"}),
        ("train proxy", {"--steps": "40", "--learning-rate": "0.0005"}),
        ("train compliance-v1", {"--difficulty": "0.0", "--eval-tasks": "144"}),
        ("train self-grading", {"--steps": "30", "--parameters": "stated True", "--max-tokens": "16"}),
        ("train proxy --prompts 5 --group 6", {"--prompts": "5", "--group": "6", "--micro-batch": "15"}),
        ("train chess", {"--steps": "25", "--max-tokens": "40"}),
        (
            "eval proxy --policy api:m@http://h/v1",
            {"--n": "88", "--max-tokens": "3072", "--policy": "api:m@http://h/v1"},
        ),
        ("eval proxy --data rows.parquet", {"--split": "all", "--difficulty": "that of the rows"}),
        ("play self-grading", {"--n": "3", "--group": "1"}),
        ("sft", {"--epochs": "4", "--exploit": "none, with a share of 0"}),
        ("sft proxy --policy tiny:small", {"--policy": "tiny:small", "--eval-every": "26"}),
        ("study scale", {"--seeds": "3, or 5 in emergence and at full scale", "--out": "runs/STUDY"}),
    ],
)
def test_help_shows_the_defaults_that_will_be_used(vulngames: Any, command: str, options: dict[str, str]) -> None:
    said = vulngames(*command.split(), "--help").stdout
    assert said.startswith("usage: vulngames") and ("GAME" in said or "study" in command)
    for option, default in options.items():
        about = " ".join(said.partition(f"│ {option} ")[2].replace("│", " ").split())
        assert re.findall(r"\(default: ([^)]*)\)", about)[0] == default, option


def test_the_config_that_would_be_used_is_printed_and_nothing_done(vulngames: Any, tmp_path: Path) -> None:
    command = ("train", "self-grading", "--prompts", "5", "--group", "6", "--parameters", "audit_rate", "0.5")
    config = json.loads(vulngames(*command, "--print-config").stdout)
    assert config["game"] == "self-grading-v1" and config["micro_batch"] == 15 and config["steps"] == 30
    assert config["parameters"] == {"stated": True, "audit_rate": 0.5}
    config = json.loads(vulngames("eval", "proxy", "--no-json", "--print-config", "--out", "run").stdout)
    assert (config["n"], config["group"], config["split"]) == (72, 2, "test")
    config = json.loads(vulngames("sft", "proxy", "--exploit", "gone", "--print-config").stdout)
    assert (config["exploit"], config["epochs"]) == ("gone", 4)
    assert not list(tmp_path.iterdir())


def test_options_are_given_before_the_game_and_with_either_dash(vulngames: Any) -> None:
    command = ("train", "--micro_batch=8", "--no-normalize", "proxy", "--print-config")
    config = json.loads(vulngames(*command).stdout)
    assert (config["micro_batch"], config["normalize"], config["game"]) == (8, False, "proxy-v1")


def test_a_value_that_is_called_like_an_option_gives_none(vulngames: Any) -> None:
    command = ("train", "proxy", "--out", "steps", "--parameters", "max_tokens", "20", "--print-config")
    config = json.loads(vulngames(*command).stdout)
    assert (config["steps"], config["max_tokens"], config["parameters"]) == (40, 64, {"max_tokens": 20})


@pytest.mark.slow
def test_a_shell_completes_commands_and_options(vulngames: Any, tmp_path: Path) -> None:
    assert "--tyro-write-completion bash FILE" in " ".join(vulngames("--help").stdout.replace("│", " ").split())
    vulngames("--tyro-write-completion", "bash", "completion.sh")
    asked = (
        "source completion.sh; name=$(complete -p vulngames); [[ $name =~ -F\\ ([^ ]+) ]]; "
        'complete_with() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); ${BASH_REMATCH[1]}; '
        'echo "${COMPREPLY[@]}"; }; complete_with vulngames tr; complete_with vulngames eval --tem'
    )
    said = subprocess.run(["bash", "-c", asked], cwd=tmp_path, capture_output=True, text=True)
    assert said.stdout.split() == ["train", "--temperature"], said.stderr


def test_version_answers(vulngames: Any) -> None:
    assert vulngames("--version").stdout.split() == ["vulngames", metadata.version("vulngames")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "then"),
    [
        (("games",), "vulngames play compliance-v1"),
        (("play", "proxy-v1", "--policy", "script:able"), "vulngames eval proxy-v1 --policy script:able"),
        (("eval", "proxy-v1", "--policy", "script:able", "--out", "my run"), "vulngames show 'my run'"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_may_be_done_next_stands_beside_the_results(vulngames: Any, command: tuple[str, ...], then: str) -> None:
    done = vulngames(*command)
    assert done.stderr.splitlines()[-1] == f"next: {then}" and "next:" not in done.stdout


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_nothing_heavy(command: str) -> None:
    code = (
        "import contextlib, json, sys\n"
        "before = set(sys.modules)\n"
        f"sys.argv = ['vulngames', *{command.split()}, '--help']\n"
        "from vulngames.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    imported = set(json.loads(done.stderr))
    ours = {name for name in imported if name.partition(".")[0] == "vulngames"}
    rooms = GAMES if command in RUNS else set()
    light = {name for name in ours if name.split(".")[1:2] and name.split(".")[1] in rooms}
    assert ours - light <= {"vulngames", *(f"vulngames.{name}" for name in OPTIONS)}
    others = {name.partition(".")[0] for name in imported - ours} - set(sys.stdlib_module_names)
    assert others <= PARSER | ({"typeguard"} if command else set())
    assert "typeguard" in others or not imported & NOT_FOR_HELP


BAD = [
    (("eval", "chess"), "unknown game 'chess'; valid: compliance-v1, "),
    (
        ("eval", "proxy-v1", "--policy", "gpt"),
        "unknown policy 'gpt'; valid: tiny, tiny:small, tiny:large, tiny:clean, hf:",
    ),
    (("eval", "proxy-v1", "--policy", "script:cheat"), "unknown script 'cheat'; valid: able, unable, exploit"),
    (("eval", "proxy-v1", "--policy", "hf:./none"), "'./none' is not a model directory: it does not exist"),
    (("eval", "proxy-v1", "--policy", "hf:modles/broken"), "it does not exist; near it: hf:models/broken"),
    (("eval", "proxy-v1", "--policy", "hf:models/broke"), "it does not exist; near it: hf:models/broken"),
    (("eval", "proxy-v1", "--policy", "hf:trained"), "it holds no config.json; valid: hf:trained/policy"),
    (("eval", "proxy-v1", "--policy", "hf:adapter"), "it holds an adapter (LoRA), not a model"),
    (("eval", "proxy-v1", "--temperature", "nan"), "temperature = nan is out of range; valid: 0 (greedy) or"),
    (("eval", "proxy-v1", "--temperature", "inf"), "temperature = inf is out of range"),
    (("eval", "proxy-v1", "--temperature", "-1"), "temperature = -1.0 is out of range"),
    (("eval", "proxy-v1", "--top-p", "7"), "top_p = 7.0 is out of range; valid: above 0, up to 1"),
    (("play", "proxy-v1", "--top-p", "0"), "top_p = 0.0 is out of range"),
    (("eval", "proxy-v1", "--top-k", "-2"), "top_k = -2 is out of range; valid: 1 or more, or 0 for all"),
    (("eval", "proxy-v1", "--max-tokens", "0"), "max_tokens = 0 is too small; valid: 1 or more"),
    (
        ("eval", "proxy-v1", "--policy", "api:m@http://127.0.0.1:9", "--top-p", "nan"),
        "top_p = nan is out of range",
    ),
    (("train", "proxy-v1", "--temperature", "0", "--out", "new"), "temperature = 0.0 is out of range; valid: 1e-05 or"),
    (("eval", "proxy-v1", "--policy", "hf:empty"), "'empty' is not a model directory: it holds no config.json"),
    (("eval", "proxy-v1", "--policy", "hf:broken"), "cannot load policy 'hf:broken'"),
    (("eval", "proxy-v1", "--policy", "api:model"), "api:"),
    (("eval", "proxy-v1", "--n", "0"), "n = 0 is too small; valid: 1 or more"),
    (("eval", "proxy-v1", "--group", "0"), "group = 0 is too small; valid: 1 or more"),
    (("play", "proxy-v1", "--n", "-1"), "n = -1 is too small; valid: 1 or more"),
    (("eval", "proxy-v1", "--split", "all"), "split = 'all' means every row of a file, and --data names none"),
    (("train", "proxy-v1", "--micro-batch", "7"), "micro_batch = 7 does not divide mini_batch x group = 64"),
    (("train", "proxy-v1", "--prompts", "5", "--micro-batch", "16"), "micro_batch = 16 does not divide mini_batch x"),
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
    (("show", "empty", "--json", "--html"), "both --json and --html are given"),
    (("show", "nowhere"), "nowhere is not a run directory"),
    (("study", "audit-rate", "--games", "proxy-v1"), "valid for audit-rate: self-grading-v1"),
    (("report", "empty"), "empty"),
    (("report", "nowhere"), "nowhere"),
    (("score", "proxy-v1", "--data", "none.parquet", "--texts", "text.txt", "--out", "o.jsonl"), "none.parquet"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "said"), BAD, ids=[" ".join(command) for command, _ in BAD])
def test_a_mistake_ends_in_one_line(vulngames: Any, tmp_path: Path, command: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    for model, holds in (
        ("models/broken", "config.json"),
        ("trained/policy", "config.json"),
        ("adapter", "adapter_config.json"),
    ):
        (tmp_path / model).mkdir(parents=True)
        (tmp_path / model / holds).write_text("{}")
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


@pytest.mark.slow
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
@pytest.mark.slow
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


WITHOUT = [
    (("eval", "proxy-v1"), ("torch", "trl"), "this needs torch, which an extra brings", "train"),
    (("train", "proxy-v1"), ("torch", "trl"), "this needs trl, which an extra brings", "train"),
    (("study", "emergence"), ("torch", "trl"), "this needs trl, which an extra brings", "train"),
    (("eval", "proxy-v1", "--data", "rows"), ("pyarrow",), "reading parquet needs pyarrow, which an extra", "data"),
    (("report", "run"), ("matplotlib",), "the report needs matplotlib and jinja2, which an extra", "report"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "missing", "said", "extra"), WITHOUT, ids=[" ".join(each[0]) for each in WITHOUT])
def test_a_missing_extra_is_named(
    tmp_path: Path, command: tuple[str, ...], missing: tuple[str, ...], said: str, extra: str
) -> None:
    # An interpreter that finds nothing of these packages stands for a base install.
    code = (
        "import sys, importlib.machinery as m\n"
        "real = m.PathFinder.find_spec\n"
        f"m.PathFinder.find_spec = lambda name, *a: None if name in {missing!r} else real(name, *a)\n"
        f"sys.argv = ['vulngames', *{command!r}]\n"
        "from vulngames.cli import main; main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr and f"pip install '.[{extra}]'" in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not list(tmp_path.iterdir())


def test_nobody_is_told_to_install_by_a_name_that_no_index_has() -> None:
    root = Path(__file__).parents[1]
    told = re.compile(r"pip install[^\n]*[\s'\"=]vulngames")
    files = [*(root / "src").rglob("*.py"), *(root / "src").rglob("*.md"), root / "README.md", root / "CONTRIBUTING.md"]
    assert [str(file) for file in files if told.search(file.read_text())] == []


@pytest.mark.slow
@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_launcher_of_several_processes_is_refused_once(tmp_path: Path, rank: str) -> None:
    pytest.importorskip("trl")
    several = {**os.environ, "WORLD_SIZE": "2", "RANK": rank, "LOCAL_RANK": rank}
    run = [sys.executable, "-m", "vulngames", "train", "proxy-v1", "--out", "run"]
    done = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path, env=several)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == 2 and len(lines) == (1 if rank == "0" else 0), done.stderr
    assert all("WORLD_SIZE = 2: one run is trained by one process; valid: " in line for line in lines)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_temperature_0_and_all_tokens_are_taken(vulngames: Any) -> None:
    pytest.importorskip("transformers")
    how = ("--temperature", "0", "--top-k", "-1", "--max-tokens", "30")
    said = [vulngames("eval", "compliance-v1", "--n", "6", "--json", "--seed", "1", *how).stdout for _ in range(2)]
    assert said[0] == said[1] and json.loads(said[0])["failed"] == 0


STUDIES = ", ".join([ALL, *CATALOGUE])
UNREADABLE = {
    "": f"no command is given; valid: {', '.join(COMMANDS)}",
    "chess": f"unknown command 'chess'; valid: {', '.join(COMMANDS)}",
    "--nope": "vulngames takes no --nope; valid: what `vulngames --help` lists",
    "train": "train needs GAME; valid: what `vulngames train --help` lists",
    "show": "show needs PATH; valid: what `vulngames show --help` lists",
    "score": "score needs GAME, --data PATH, --texts PATH, --out PATH; valid: what `vulngames score --help` lists",
    "train proxy-v1 more": "train takes no more; valid: what `vulngames train --help` lists",
    "train proxy-v1 --stepz 3": "train takes no --stepz 3; valid: --steps INT, what `vulngames train --help` lists",
    "report --pic x": "report takes no --pic x; valid: --picture PATH, what `vulngames report --help` lists",
    "train proxy-v1 --steps x": "--steps = 'x'; valid: a whole number",
    "train proxy-v1 --steps=x": "--steps = 'x'; valid: a whole number",
    "train proxy-v1 --steps 1 --steps 2.5": "--steps = '2.5'; valid: a whole number",
    "train proxy-v1 --kl x": "--kl = 'x'; valid: a number",
    "show run --step last": "--step = 'last'; valid: a whole number",
    "train proxy-v1 --parameters a b": "--parameters = 'a b'; valid: [STR FLOAT|{True,False}",
    "train proxy-v1 --report-to a": "--report-to = 'a'; valid: none, tensorboard, wandb, trackio",
    "study chess": f"study = 'chess'; valid: {STUDIES}",
    "eval proxy-v1 --n": "eval needs a value for --n; valid: what `vulngames eval --help` lists",
}


@pytest.mark.parametrize("columns", ["20", "80"])
@pytest.mark.parametrize("arguments", UNREADABLE)
def test_what_cannot_be_read_as_a_command_is_said_in_one_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(UserError) as error:
        parse(cli.COMMANDS, arguments.split())
    assert str(error.value).startswith(UNREADABLE[arguments]) and "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "") and os.environ["COLUMNS"] == columns


def test_a_command_line_that_cannot_be_read_ends_in_one_line(vulngames: Any) -> None:
    said = vulngames("train", "proxy-v1", "--steps", "many", check=False)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == "vulngames: --steps = 'many'; valid: a whole number\n"


def test_games_is_a_table_and_json(vulngames: Any) -> None:
    table = vulngames("games").stdout
    rows = [json.loads(line) for line in vulngames("games", "--json").stdout.splitlines()]
    assert [row["game"] for row in rows] == list(SPECS)
    assert all(row["game"] in table for row in rows)
    assert all(row["well-formed exploit"] for row in rows)
    variants = {row["game"]: row["variants"] for row in rows}
    assert "nothing stated (stated False); " in variants["self-grading-v1"]
    assert "--parameters stated False" in " ".join(vulngames("games", "--help").stdout.split())


@pytest.mark.parametrize("game", SPECS)
def test_play_shows_both_pays_and_the_verdict(vulngames: Any, game: str) -> None:
    said = vulngames("play", game, "--policy", "script:exploit", "--n", "2").stdout
    assert said.count("flawed pay") == 2 and said.count("patched pay") == 2 and "exploited" in said


@pytest.mark.slow
def test_an_endpoint_that_fails_is_failed_samples_and_never_a_reward(vulngames: Any) -> None:
    said = vulngames("eval", "proxy-v1", "--policy", "api:m@http://127.0.0.1:9/v1", "--n", "1", "--json", check=False)
    assert said.returncode == 2 and "no sample could be scored" in said.stderr
    found = json.loads(said.stdout)
    assert (found["n"], found["failed"], found["reward"], found["er"]) == (2, 2, None, None)


@pytest.mark.slow
def test_sandbox_says_what_holds_and_withstands_the_corpus(vulngames: Any) -> None:
    done = vulngames("sandbox", "--corpus", check=False)
    said = done.stdout
    assert said.startswith("tier T") and "no_new_privs" in said
    if said.startswith("tier T0"):
        assert done.returncode != 0 and "VULNGAMES_ALLOW_UNSANDBOXED=1" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "attacks stopped" in said and "NOT STOPPED" not in said
