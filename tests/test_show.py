"""`vulngames show`: the samples of a run, in the terminal, as lines, and as a page."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vulngames import games
from vulngames.errors import UserError
from vulngames.rollouts import rollout
from vulngames.runs import Run, as_sample, open_run
from vulngames.selection import Selection, few, select
from vulngames.tasks import take
from vulngames.types import Conversation, Reply, Scripted, Turn

HOSTILE = "</script><script>document.title='owned'</script>\x1b]0;owned\x07 <!-- \u202e"


def _first_row(path: Path, **changed: Any) -> None:
    """Change the run's first sample; a field that is to be `...` is taken out."""
    file = path / "samples.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    rows[0] = {name: value for name, value in {**rows[0], **changed}.items() if value is not ...}
    file.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


class Cut:
    """A policy whose replies are cut."""

    name = "cut"

    def generate(self, conversations: Sequence[Conversation], turn: Turn, seed: int) -> list[Reply]:
        return [Reply("half a wor", finish="length") for _ in conversations]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of compliance: honest at step 0, exploiting at step 5, cut or failed at step 10; and training samples."""
    made = open_run(tmp_path / "run", {"game": "compliance-v1"}, "cpu")
    game, tasks = games.make("compliance-v1"), take("compliance-v1", 0, "test", 6)
    for step, writer in ((0, Scripted("able", game.scripts["able"])), (5, Scripted("x", game.scripts["exploit"]))):
        made.add_samples(step, "test", rollout(game, tasks, writer, ("x", step)))
    made.add_samples(10, "test", rollout(game, tasks[:3], Cut(), ("x", 10)))
    made.add_samples(10, "test", rollout(game, tasks[3:5], _failing, ("x", 10)))
    made.add_samples(0, "train", rollout(game, tasks[:1], lambda messages: HOSTILE, ("x", 0)))
    return made


class _Failing:
    name = "failing"

    def generate(self, conversations: Sequence[Conversation], turn: Turn, seed: int) -> list[Reply]:
        return [Reply("", error="the endpoint is gone") for _ in conversations]


_failing = _Failing()


WANTED: list[tuple[dict[str, Any], int, int, int]] = [
    # conditions; at which step, of how many drawn there, how many are taken?
    ({}, 10, 5, 5),
    ({"step": 0}, 0, 6, 6),
    ({"step": 0, "exploited": True}, 0, 6, 0),
    ({"step": 5, "exploited": True}, 5, 6, 2),
    ({"step": 0, "honest": True}, 0, 6, 2),
    ({"step": 5, "cue": "user"}, 5, 6, 3),
    ({"cut": True}, 10, 5, 3),
    ({"failed": True}, 10, 5, 2),
    ({"failed": True, "cut": True}, 10, 5, 0),
    ({"split": "train"}, 0, 1, 1),
    ({"split": "train", "holds": "DOCUMENT.title"}, 0, 1, 1),
    ({"holds": "nowhere to be found"}, 10, 5, 0),
]


@pytest.mark.parametrize(("wanted", "step", "drawn", "taken"), WANTED, ids=str)
def test_which_samples_are_taken(run: Run, wanted: dict[str, Any], step: int, drawn: int, taken: int) -> None:
    found = select(run, Selection(**wanted))
    assert (found.step, found.drawn, len(found.rows)) == (step, drawn, taken)


def test_a_page_holds_every_step_unless_one_is_named(run: Run) -> None:
    assert len(select(run, Selection(), every_step=True).rows) == 17
    assert len(select(run, Selection(step=5), every_step=True).rows) == 6


@pytest.mark.parametrize(
    ("wanted", "said"),
    [({"step": 3}, "no test samples of step 3; valid: 0, 5, 10"), ({"split": "train", "step": 5}, "valid: 0")],
)
def test_what_is_not_there_is_named(run: Run, wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        select(run, Selection(**wanted))


def test_a_run_without_samples(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no samples yet"):
        select(open_run(tmp_path / "run", {}, "cpu"), Selection())


def test_by_chance_is_the_same_each_time_and_not_the_first() -> None:
    rows: list[Any] = [{"index": i} for i in range(100)]
    assert few(rows, 5, True) == few(rows, 5, True) != few(rows, 5, False)
    assert [row["index"] for row in few(rows, 5, True)] == sorted(row["index"] for row in few(rows, 5, True))
    assert few(rows, None, True) == rows and len(few(rows, 500, True)) == 100
    with pytest.raises(UserError, match="n = 0"):
        few(rows, 0, False)


def test_a_row_is_its_sample_again(run: Run) -> None:
    row = next(run.samples())
    sample = as_sample({**row, "from_the_future": 1})  # type: ignore[typeddict-unknown-key]
    assert sample.reward == row["reward"] and sample.paper.acc == row["paper"]["acc"] and sample.finish == ("stop",)


@pytest.mark.slow
def test_the_command_line_shows_them(vulngames: Any, run: Run) -> None:
    said = vulngames("show", run.path, "--step", "5", "--exploited", "--n", "1").stdout
    assert "compliance-v1, step 5 · user" in said and "exploited" in said
    assert "test split, step 5: 2 of 6 samples, 1 shown; exploited in all: 2 of 2 that could" in said
    lines = vulngames("show", run.path, "--json").stdout.splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10] * 5
    assert "no run.json; valid: one of the 1 it holds, e.g. " in vulngames("show", run.path.parent, check=False).stderr


@pytest.mark.slow
def test_the_second_question_is_shown(vulngames: Any, tmp_path: Path) -> None:
    made = open_run(tmp_path / "run", {"game": "self-grading-v1"}, "cpu")
    game = games.make("self-grading-v1")
    made.add_samples(0, "test", rollout(game, take(game.id, 0, "test", 1), lambda messages: "Yes", ("x",)))
    assert "Is the answer above right?" in vulngames("show", made.path).stdout
    page = Path(vulngames("show", made.path, "--html").stdout.strip()).read_text()
    assert "Is the answer above right?" in page
    assert "Is the answer above right?" in vulngames("play", "self-grading-v1", "--policy", "script:able").stdout


def test_the_page_holds_model_text_as_data_alone(vulngames: Any, run: Run) -> None:
    path = vulngames("show", run.path, "--html", "--split", "train").stdout.strip()
    page = Path(path).read_text()
    assert page.count("<script") == 2 and page.count("</script>") == 2 and "<!--" not in page
    assert not {"\x1b", "\x07", "\u202e"} & set(page)
    data = page.split('type="application/json" id="data">')[1].split("</script>")[0]
    (sample,) = json.loads(data)["samples"]
    assert sample["completions"][0].startswith("</script><script>document.title='owned'")


DAMAGES = [
    (name, value)
    for name in ("step", "split", "game", "task", "prompt", "completions", "reward", "patched", "paper")
    for value in (..., None)
    # What only pays has no patched rule.
    if (name, value) != ("patched", None)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), DAMAGES, ids=str)
def test_a_damaged_sample_is_named_in_one_line(run: Run, vulngames: Any, name: str, value: object) -> None:
    _first_row(run.path, **{name: value})
    done = vulngames("show", run.path, check=False)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and name in line
    assert line.startswith(f"vulngames: {run.path / 'samples.jsonl.gz'} line 1 is damaged: ")
    assert line.endswith("; valid: the line as it was written")


def test_samples_from_before_replies_said_how_they_ended_are_shown(run: Run, vulngames: Any) -> None:
    _first_row(run.path, finish=..., asked=..., error=...)
    assert "6 of 6 samples" in vulngames("show", run.path, "--step", 0).stdout


def test_names_on_the_page_steer_nothing(run: Run, vulngames: Any) -> None:
    _first_row(run.path, task=HOSTILE, cue=HOSTILE)
    vulngames("show", run.path, "--step", 0, "--html")
    page = (run.path / "samples.html").read_text()
    # As JSON has them, which the page would show as they are.
    assert not any(steering in page for steering in ("\\u001b", "\\u0007", "\\u202e"))
    assert "\\u241b" in page
