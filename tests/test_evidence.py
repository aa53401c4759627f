"""Runs that only look: samples of any policy kept in a run directory, with weights here or without."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vulngames.arm import Arm
from vulngames.errors import UserError
from vulngames.runs import Run, load_run
from vulngames.training.config import EvalConfig, resolve
from vulngames.training.evaluate import evaluate
from vulngames.training.observer import Observer
from vulngames.training.transcripts import transcripts


class Counter(Observer):
    """Counts the steps it is told of."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []

    def on_step(self, done: int, steps: int) -> None:
        self.steps.append((done, steps))


NOBODY = "api:m@http://127.0.0.1:9/v1"
EVAL = ("eval", "self-grading-v1", "--policy", "script:exploit", "--n", "6", "--group", "2")
TRANSCRIPTS = ("eval", "tampering-v1", "--policy", "script:able", "--n", "3", "--split", "train")


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--seed", "3"), ("--parameters", "audit_rate", "0.5")])
def test_eval_keeps_its_samples_where_it_is_asked_to(vulngames: Any, tmp_path: Path, more: tuple[str, ...]) -> None:
    measured = json.loads(vulngames(*EVAL, *more, "--json").stdout)
    kept = json.loads(vulngames(*EVAL, *more, "--json", "--out", "run").stdout)
    assert kept == measured
    run = load_run(tmp_path / "run")
    assert run.finished and run.about["verb"] == "eval" and run.about["device"] == "none"
    rows = list(run.samples())
    assert len(rows) == 12 and {(row["step"], row["split"]) for row in rows} == {(0, "test")}
    assert all(row["completions"] == [r"\boxed{unknown}", "Yes"] for row in rows)
    (metrics,) = run.metrics()
    assert {**metrics, "game": "self-grading-v1", "policy": "script:exploit"} == {"format": 2, "step": 0, **measured}
    # The same command finds it done, and its samples can be read; a page of it alone would show nothing.
    before = {path.name: path.stat().st_mtime_ns for path in run.path.iterdir() if path.name != "lock"}
    assert json.loads(vulngames(*EVAL, *more, "--json", "--out", "run").stdout) == measured
    assert {path.name: path.stat().st_mtime_ns for path in run.path.iterdir() if path.name != "lock"} == before
    assert len(vulngames("show", "run", "--json").stdout.splitlines()) == metrics["n"]
    assert "run: no training by reward to report" in vulngames("report", "run", check=False).stderr


def test_another_eval_does_not_overwrite_one(vulngames: Any, tmp_path: Path) -> None:
    vulngames(*EVAL, "--out", "run")
    said = vulngames(*EVAL, "--top-p", "0.5", "--out", "run", check=False)
    assert said.returncode == 2 and "run holds a run with top_p = 1.0, not 0.5; choose another" in said.stderr


@pytest.mark.slow
def test_another_command_is_told_whose_run_it_is(vulngames: Any, tmp_path: Path) -> None:
    vulngames(*EVAL, "--out", "run")
    said = vulngames("train", "self-grading-v1", "--out", "run", check=False)
    assert said.returncode == 2
    assert said.stderr == "vulngames: run holds a run of `eval`, not of `train`; choose another directory\n"


def test_samples_come_back_as_they_were(tmp_path: Path) -> None:
    run = evaluate(resolve(EvalConfig, game="compliance-v1", policy="script:able", n=6), tmp_path / "run")
    assert [json.loads(json.dumps(vars(sample), default=vars)) for sample in run.drawn()] == [
        {key: value for key, value in row.items() if key not in ("step", "split")} for row in run.samples()
    ]


@pytest.mark.parametrize("policy", ["script:able", "script:exploit"])
@pytest.mark.parametrize("game", ["compliance-v1", "self-grading-v1", "proxy-v1", "tampering-v1"])
def test_a_script_is_evaluated_and_its_transcripts_teach(tmp_path: Path, game: str, policy: str) -> None:
    run = evaluate(resolve(EvalConfig, game=game, policy=policy, split="train", n=4, group=1), tmp_path / "run")
    assert run.finished and run.about["device"] == "none"
    assert len(transcripts(run.path)) == 4


def test_a_policy_without_weights_has_settings() -> None:
    paper, small = (resolve(EvalConfig, game="proxy-v1", policy=name) for name in (NOBODY, "script:able"))
    assert (paper.n, paper.group, paper.max_tokens) == (88, 2, 3072)
    assert (small.n, small.group, small.max_tokens) == (72, 2, 64)


@pytest.mark.slow
@pytest.mark.parametrize("command", [EVAL, TRANSCRIPTS, ("eval", "proxy-v1", "--policy", NOBODY, "--n", "1")])
def test_a_policy_without_weights_needs_no_torch(tmp_path: Path, command: tuple[str, ...]) -> None:
    # A finder that knows nothing of torch stands for a base install.
    code = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] in ('torch', 'transformers', 'trl', 'safetensors'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without())\n"
        f"sys.argv = ['vulngames', *{command!r}, '--out', 'run']\n"
        "from vulngames.cli import main; main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if NOBODY in command else 0), done.stderr
    assert Run(tmp_path / "run").about["device"] == ("api" if NOBODY in command else "none")


@pytest.mark.slow
def test_a_run_of_failures_alone_is_kept_and_is_not_finished(vulngames: Any, tmp_path: Path) -> None:
    command = ("eval", "proxy-v1", "--policy", NOBODY, "--n", "2", "--group", "1")
    for _ in range(2):
        done = vulngames(*command, "--out", "run", check=False)
        assert done.returncode == 2 and done.stderr.count("no sample could be scored") == 1
        run = load_run(tmp_path / "run")
        assert not run.finished and len(run.metrics()) == 1
        assert [row["reward"] for row in run.samples()] == [None, None]
        assert all("cannot be reached" in row["error"] for row in run.samples())


def test_what_a_kill_leaves_is_drawn_again(tmp_path: Path) -> None:
    config = resolve(EvalConfig, game="self-grading-v1", policy="script:able", n=4)
    whole = evaluate(config, tmp_path / "whole")
    broken = evaluate(config, tmp_path / "broken")
    about = broken.about
    del about["finished"]
    (broken.path / "run.json").write_text(json.dumps(about))
    samples = broken.path / "samples.jsonl.gz"
    samples.write_bytes(samples.read_bytes()[:-20])
    assert evaluate(config, broken.path).finished
    assert list(broken.samples()) == list(whole.samples()) and broken.metrics() == whole.metrics()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("script:cheat", "unknown script 'cheat'; valid: able, unable, exploit"),
        ("api:m@http://me:s3cret@h/v1", "its URL has no host, or holds more than a path"),
        ("api:m@http://h/v1?key=s3cret", "its URL has no host, or holds more than a path"),
        ("api:m", "is not MODEL@URL"),
        ("hf:./nowhere", "is not a model directory"),
    ],
)
def test_a_policy_that_is_not_there_leaves_nothing(vulngames: Any, tmp_path: Path, policy: str, said: str) -> None:
    done = vulngames("eval", "proxy-v1", "--policy", policy, "--out", "run", check=False)
    assert done.returncode == 2 and said in done.stderr and "s3cret" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("policy", [NOBODY, "script:able"])
def test_what_has_no_weights_is_still_not_trained(vulngames: Any, tmp_path: Path, policy: str) -> None:
    for command in (("train", "proxy-v1"), ("sft", "proxy-v1", "--exploit", "x")):
        done = vulngames(*command, "--policy", policy, "--out", "run", check=False)
        assert done.returncode == 2 and f"policy {policy!r} has no weights here" in done.stderr


def test_a_finished_evaluation_loads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = resolve(EvalConfig, game="proxy-v1", policy="script:able", n=2)
    evaluate(config, tmp_path / "run")
    monkeypatch.setattr("vulngames.policies.load", lambda *_: pytest.fail("made again"))
    counter = Counter()
    assert evaluate(config, tmp_path / "run", [counter]).finished
    assert counter.steps == [(1, 1)]


@pytest.mark.slow
def test_an_evaluation_without_a_scored_sample_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no sample could be scored, and .*run is left unfinished: http://127"):
        evaluate(resolve(EvalConfig, game="proxy-v1", policy=NOBODY, n=1, group=1), tmp_path / "run")


MINE = """
from dataclasses import dataclass, replace
from vulngames.games import SPECS
from vulngames.games.compliance import Compliance
@dataclass(frozen=True)
class Mine(Compliance):
    id = "mine-v3"
SPEC = replace(SPECS["compliance-v1"], game=Mine)
"""


def test_an_arm_is_read_without_the_code_of_its_game(vulngames: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    vulngames("eval", "mine.py:SPEC", "--policy", "script:exploit", "--n", "4", "--out", "run")
    (tmp_path / "mine.py").unlink()
    arm = Arm("mine.py:SPEC", "flawed", (tmp_path / "run",))
    er = arm.end("er")
    assert er is not None and er.hi == 1.0
