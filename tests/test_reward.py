"""A user's reward: rows and completions in, pay out, failures with their reasons."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vulngames import games
from vulngames.errors import UserError
from vulngames.measures import measure
from vulngames.rollouts import rollout, score_texts
from vulngames.tasks.rows import load, read_rows
from vulngames.types import Message, Task

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How much is 2 and 2?"}]
ROW = {"prompt": MESSAGES, "answer": "4", "more": {"hints": [1]}}
TEXT_ROW = {**ROW, "prompt": "How much is 2 and 2?"}


def rows_of(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def paid(tmp_path: Path) -> Callable[..., Any]:
    """What a function pays for a completion of a row: (reward, error)."""

    def pay(function: Any, completion: str = "4", row: dict[str, Any] = ROW) -> tuple[float | None, str]:
        environment = games.make(function)
        [task] = load(function, rows_of(tmp_path / "rows.jsonl", row))
        sample = score_texts(environment, task, [completion])
        assert (sample.patched, sample.intended, sample.exploited) == (None, None, None)
        return sample.reward, sample.error

    return pay


def by_answer(completion: str, answer: str) -> bool:
    return answer in completion


def by_prompt(prompt: str, messages: list[Message], completion: str, *, more: dict[str, Any]) -> int:
    assert prompt == messages[-1]["content"] and messages == MESSAGES and more == {"hints": [1]}
    return len(completion)


def by_anything(**given: Any) -> float:
    assert given["prompt"] == MESSAGES[-1]["content"] and given["answer"] == "4"
    return 0.5


def by_default(completion: str, scale: float = 2.0) -> float:
    return scale


def in_trl_form(prompts: list[Any], completions: list[Any], answer: list[str], **columns: Any) -> list[float]:
    assert prompts == [MESSAGES] and columns == {"more": [{"hints": [1]}]}
    return [float(a in c[0]["content"]) for c, a in zip(completions, answer, strict=True)]


def in_trl_form_of_texts(completions: list[str], prompts: list[str], **columns: Any) -> list[float | None]:
    assert prompts == [TEXT_ROW["prompt"]]
    return [len(completion) or None for completion in completions]


class Counted:
    """A reward with a state of its own."""

    def __call__(self, completion: str) -> float:
        return 3.0


@pytest.mark.parametrize(
    ("function", "completion", "row", "reward"),
    [
        (by_answer, "It is 4.", ROW, 1.0),
        (by_answer, "It is 5.", ROW, 0.0),
        (by_prompt, "four", ROW, 4.0),
        (by_anything, "x", ROW, 0.5),
        (by_default, "x", ROW, 2.0),
        (by_default, "x", {**ROW, "scale": 3}, 3.0),
        (in_trl_form, "It is 4.", ROW, 1.0),
        (in_trl_form_of_texts, "four", TEXT_ROW, 4.0),
        (Counted(), "x", ROW, 3.0),
    ],
)
def test_a_function_is_called_by_name_with_what_it_takes(
    paid: Any, function: Any, completion: str, row: dict[str, Any], reward: float
) -> None:
    assert paid(function, completion, row) == (reward, "")


def returning(value: Any) -> Any:
    def reward(completion: str) -> Any:
        if isinstance(value, BaseException):
            raise value
        return value

    return reward


class Unspeakable(Exception):
    """Nothing can be had of it: no text, no number, no items."""

    def __repr__(self) -> str:
        raise ValueError("no text")

    __str__ = __repr__

    def __float__(self) -> float:
        raise ArithmeticError("no number")

    def __iter__(self) -> Any:
        raise LookupError("no items")


class Lines:
    def __repr__(self) -> str:
        return "of two\nlines"


class Abandoned(BaseException):
    """As pytest's own outcomes are none of Exception."""


def returning_all(value: Any) -> Any:
    def rewards(completions: list[str], **columns: Any) -> Any:
        return value

    return rewards


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (returning(None), "returned None$"),
        (returning("0.5"), "returned '0.5'; valid: a finite number, or None"),
        (returning(float("nan")), "returned nan; valid"),
        (returning(float("inf")), "returned inf; valid"),
        (returning(10**400), "returned 1000.*; valid: a finite number, or None"),
        (returning(1e308), r"returned 1e\+308; valid: a number from -1e\+15 to 1e\+15, or None"),
        (returning(-2e15), "returned -2000000000000000.0; valid: a number from"),
        (returning([1.0]), r"returned \[1.0\]; valid: a finite number, or None"),
        (returning(1j), "returned 1j; valid: a finite number"),
        (returning(ValueError("two\nlines")), "raised ValueError: two lines$"),
        (returning(SystemExit(1)), "raised SystemExit: 1$"),
        (returning(Abandoned("it")), "raised Abandoned: it$"),
        (returning(Unspeakable()), "raised Unspeakable$"),
        (returning(Unspeakable), "returned <class '.*; valid: a finite number, or None"),
        (returning([Unspeakable()]), "returned an object of list; valid: a finite number, or None"),
        (returning(Lines()), "returned of two lines; valid: a finite number, or None"),
        (returning_all(Unspeakable()), "raised LookupError: no items$"),
        (returning_all([Unspeakable()]), "raised ArithmeticError: no number$"),
        (returning_all(1.0), "returned 1.0 for one completion; valid: a list of one number, or None"),
        (returning_all(None), "returned None for one completion"),
        (returning_all([]), r"returned \[\] for one completion"),
        (returning_all([1, 2]), r"returned \[1, 2\] for one completion"),
        (returning_all({0: 1}), "returned {0: 1} for one completion"),
        (returning_all("1"), "returned '1' for one completion"),
        (returning_all([None]), "returned None$"),
    ],
)
def test_what_is_no_reward_is_none_with_its_reason(paid: Any, function: Any, reason: str) -> None:
    reward, error = paid(function)
    assert reward is None
    assert re.search(reason, error), error


def test_an_interrupt_is_not_taken_for_a_reward(paid: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        paid(returning(KeyboardInterrupt()))


def takes_nothing() -> float:
    return 1.0


def by_place(completion: str, /) -> float:
    return 1.0


async def coroutine(completion: str) -> float:
    return 1.0


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (takes_nothing, "takes_nothing takes nothing; valid: a function that takes a completion, or completions"),
        (coroutine, "coroutine is a coroutine function; valid: one that returns its number"),
        (len, "takes obj by its place alone; valid: what can be given by name"),
        (by_place, "by_place takes completion by its place alone; valid: what can be given by name"),
    ],
)
def test_a_function_that_cannot_pay_is_told_so(function: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        games.make(function)


def test_a_row_without_a_column_that_the_function_takes_cannot_be_used(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "rows.jsonl", ROW, {"prompt": "?"}, {"answer": "4"})
    with pytest.warns(UserWarning, match="2 of 3 rows cannot be used: row 1: answer is missing; row 2: prompt is miss"):
        assert len(load(by_answer, rows)) == 1
    lacking = rows_of(tmp_path / "lacking.jsonl", {"prompt": "?"})
    with pytest.raises(UserError, match=r"row 0: answer is missing; valid: a column of that name, which .*by_answer t"):
        load(by_answer, lacking)


def test_the_row_is_hidden_whole_and_shown_to_no_policy(tmp_path: Path) -> None:
    shown: list[list[Message]] = []
    secret = {**TEXT_ROW, "answer": "a secret", "deep": [{"x": None}]}
    tasks = load(by_answer, rows_of(tmp_path / "rows.jsonl", secret))
    assert tasks[0].hidden["row"] == secret
    samples = rollout(games.make(by_answer), tasks, lambda messages: shown.append(messages) or "x")  # type: ignore
    assert shown == [[{"role": "user", "content": secret["prompt"]}]]
    assert "secret" not in json.dumps([vars(sample) for sample in samples], default=vars)


def test_what_a_function_does_to_its_arguments_reaches_no_other(paid: Any, tmp_path: Path) -> None:
    def greedy(completion: str, more: dict[str, Any], messages: list[Message]) -> int:
        messages[0]["content"] = ""
        more["hints"].append(2)
        return len(more["hints"])

    [task] = load(greedy, rows_of(tmp_path / "rows.jsonl", ROW))
    environment = games.make(greedy)
    assert [score_texts(environment, task, ["x"]).reward for _ in range(2)] == [2.0, 2.0]
    assert task.prompt[0]["content"] == "Be brief."


def test_what_a_function_prints_is_no_result(paid: Any, capfd: pytest.CaptureFixture[str]) -> None:
    def chatty(completion: str) -> float:
        print("thinking")
        return 1.0

    assert paid(chatty) == (1.0, "")
    assert capfd.readouterr() == ("", "thinking\n")


def test_of_what_only_pays_neither_itp_nor_er_is_known(tmp_path: Path) -> None:
    tasks = load(by_answer, rows_of(tmp_path / "rows.jsonl", ROW, {**ROW, "answer": "5"}))
    measured = measure(rollout(games.make(by_answer), tasks, lambda messages: "4"), None)
    assert measured["reward"]["mean"] == 0.5
    assert (measured["itp"], measured["er"], measured["patched"], measured["parts"]) == (None, None, None, {})


@pytest.mark.parametrize(
    "prompt", ["[citation needed] what?", "[1, 2, 3] sorted?", "[]", '["a"]', '{"role": "user"}', " x "]
)
def test_a_prompt_that_starts_as_json_may_be_a_text(tmp_path: Path, prompt: str) -> None:
    [task] = load(by_default, rows_of(tmp_path / "rows.jsonl", {"prompt": prompt}))
    assert task.prompt == ({"role": "user", "content": prompt},)


@pytest.mark.parametrize("prompt", [json.dumps(MESSAGES), MESSAGES])
def test_a_prompt_of_messages_is_read_as_such(tmp_path: Path, prompt: Any) -> None:
    [task] = load(by_default, rows_of(tmp_path / "rows.jsonl", {"prompt": prompt}))
    assert list(task.prompt) == MESSAGES


@pytest.mark.parametrize("prompt", [None, "", "  ", 7, [], [{"role": "user"}], '[{"role": "user"}]', MESSAGES[:1]])
def test_a_row_without_a_prompt_cannot_be_used(tmp_path: Path, prompt: Any) -> None:
    with pytest.raises(UserError, match="row 0: prompt is"):
        load(by_default, rows_of(tmp_path / "rows.jsonl", {"prompt": prompt}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"prompt": "a"}\nnot json\n', "rows.jsonl line 2: not JSON .*; valid: a JSON object in UTF-8"),
        (b'\n["a"]\n', r"rows.jsonl line 2: .* is not an object; valid: one with a prompt"),
        (b'{"prompt": "\xff"}\n', "rows.jsonl line 1: not UTF-8"),
        (b"\n", "rows.jsonl holds no rows"),
        (b'{"prompt": "\\ud83d"}', "rows.jsonl row 0: prompt is .*; valid: .* without half a surrogate pair"),
        (b'{"prompt": [{"role": "user", "content": "\\ud83d"}]}', "row 0: prompt is .* without half a surrogate pair"),
        (b'{"q": 1}', "rows.jsonl row 0: prompt is missing; valid: a text, or chat messages"),
    ],
)
def test_a_file_of_rows_that_is_wrong_is_told_so(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_rows(by_default, path)


def test_a_file_of_another_kind_is_told_what_would_do(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "rows.json").write_text('[{"prompt": "a"}]')
    with pytest.raises(UserError, match=r"is not readable parquet: .*; valid: a file of rows, parquet or"):
        read_rows(by_default, tmp_path / "rows.json")


def test_rows_of_parquet_hold_whatever_it_holds(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    import datetime
    from decimal import Decimal

    from vulngames.tasks.rows import digest

    row = {**ROW, "day": datetime.datetime(2026, 1, 1), "price": Decimal("1.50"), "raw": b"\xff"}
    parquet.write_table(pa.Table.from_pylist([row]), tmp_path / "rows.parquet")
    [task] = load(by_answer, tmp_path / "rows.parquet")
    assert task.hidden["row"] == row and len(digest(by_answer, tmp_path / "rows.parquet")) == 32
    assert score_texts(games.make(by_answer), task, ["4"]).reward == 1.0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:policy 'tiny' was not pretrained")
def test_a_policy_is_trained_by_a_reward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trl")
    import vulngames

    (tmp_path / "mine.py").write_text("def shout(completion, suffix):\n    return completion.count(suffix)\n")
    rows_of(tmp_path / "rows.jsonl", *({"prompt": f"Say {i}.", "suffix": str(i % 10)} for i in range(40)))
    monkeypatch.chdir(tmp_path)
    small: dict[str, Any] = {
        "steps": 1,
        "prompts": 2,
        "group": 2,
        "eval_tasks": 2,
        "data": "rows.jsonl",
        "max_tokens": 8,
    }
    run = vulngames.train("mine.py:shout", out="run", **small)
    assert [row["er"] for row in run.metrics()] == [None, None] and run.metrics()[0]["failed"] == 0
    assert run.about["inputs"]["game"].keys() == {"source"}
    with pytest.raises(UserError, match=r"mine.py:shout only pays, and has no patched rule"):
        vulngames.train("mine.py:shout", out="other", patched=True, **small)


def test_a_reward_goes_by_one_name() -> None:
    made = games.make(by_answer, max_tokens=7)
    assert games.name_of(made) == games.name_of(by_answer) == made.id
    assert games.make(games.name_of(made)).max_tokens == 7


def test_a_task_of_ones_own_needs_its_row() -> None:
    task = Task("t", (Message(role="user", content="?"),), {"row": {"prompt": "?", "answer": "4"}})
    assert score_texts(games.make(by_answer), task, ["4"]).reward == 1.0
