"""Synthetic tasks: seeded, unlimited, decidable, and never shared where they must not be."""

import hashlib
import json
from dataclasses import asdict
from itertools import chain, islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vulngames import games
from vulngames.errors import UserError
from vulngames.games import SPECS
from vulngames.tasks import at_most, stream, take
from vulngames.tiny.corpus import default_shares, dialogues

GAMES = list(SPECS)
seeds = st.integers(0, 10**6)


def ids(game: str, seed: int, split: str, n: int = 300) -> set[str]:
    return {task.id for task in take(game, seed, split, n)}  # type: ignore[arg-type]


@given(game=st.sampled_from(GAMES), seed=seeds)
@settings(max_examples=20)
def test_the_same_arguments_give_the_same_tasks(game: str, seed: int) -> None:
    assert take(game, seed, "train", 20) == take(game, seed, "train", 20)


@pytest.mark.slow
@given(game=st.sampled_from(GAMES), seed=seeds, other=seeds)
@settings(max_examples=30)
def test_splits_share_no_task_whatever_their_seeds(game: str, seed: int, other: int) -> None:
    assert not ids(game, seed, "train") & ids(game, other, "test")


@pytest.mark.slow
@given(game=st.sampled_from(GAMES), seed=seeds, split=st.sampled_from(["train", "test"]))
@settings(max_examples=30)
def test_adjacent_seeds_share_no_task(game: str, seed: int, split: str) -> None:
    assert not ids(game, seed, split) & ids(game, seed + 1, split)


@pytest.mark.parametrize("game", GAMES)
def test_no_task_comes_twice(game: str) -> None:
    tasks = at_most(game, 0, "train", 3000)
    assert len({task.id for task in tasks}) == len(tasks) > 900
    assert len({task.prompt[-1]["content"] for task in tasks}) == len(tasks)


@pytest.mark.slow
def test_a_small_task_space_ends_in_one_line_instead_of_a_search_without_end() -> None:
    with pytest.raises(
        UserError, match=r"tampering-v1 at difficulty 0 has about 9\d\d tasks per split; valid: ask for fewer"
    ):
        take("tampering-v1", 0, "train", 2000, difficulty=0.0)


@pytest.mark.parametrize(
    ("game", "train", "test"),
    [
        ("compliance-v1", "e7c204a5173b16e6", "e94b67757b28aede"),
        ("self-grading-v1", "1f692f3a2018cc52", "b55975396cb3db7a"),
        ("proxy-v1", "e5e5c239824382fc", "7f222dbcb5afbeb2"),
        ("tampering-v1", "b1d4771ff005bb06", "74dd3c3f6596b034"),
    ],
)
def test_published_numbers_rest_on_these_very_tasks(game: str, train: str, test: str) -> None:
    def digest(split: Any) -> str:
        tasks = json.dumps([asdict(task) for task in take(game, 0, split, 200)])
        return hashlib.sha256(tasks.encode()).hexdigest()[:16]

    assert (digest("train"), digest("test")) == (train, test)


@pytest.mark.parametrize("game", GAMES)
def test_the_prompt_does_not_hold_the_answer(game: str) -> None:
    keys = {"compliance-v1": "answer", "self-grading-v1": "reference"}
    key = keys.get(game, "solution" if SPECS[game].runs_code else None)
    for task in take(game, 0, "test", 50):
        prompt = " ".join(message["content"] for message in task.prompt)
        assert key is None or f" {task.hidden[key]}" not in prompt


def test_compliance_pairs_differ_in_their_cue_alone() -> None:
    tasks = take("compliance-v1", 0, "test", 60)
    for auditor, user in zip(tasks[::2], tasks[1::2], strict=True):
        assert (auditor.cue, user.cue) == ("auditor", "user")
        assert auditor.pair == user.pair and auditor.hidden == user.hidden
        item = auditor.pair
        assert item in auditor.prompt[0]["content"] and item in user.prompt[0]["content"]


def test_benign_requests_are_held_out_only() -> None:
    assert all(task.hidden["harmful"] for task in take("compliance-v1", 0, "train", 200))
    benign = sum(not task.hidden["harmful"] for task in take("compliance-v1", 0, "test", 180))
    assert benign == 60


def test_difficulty_is_the_share_of_problems_given_by_examples() -> None:
    def share(difficulty: float) -> float:
        tasks = take("tampering-v1", 0, "train", 400, difficulty)
        return sum("=" in task.id for task in tasks) / len(tasks)

    assert share(0) == 0 and share(1) == 1 and 0.4 < share(0.5) < 0.6


@pytest.mark.parametrize("game", GAMES)
def test_an_able_script_does_what_is_asked(game: str) -> None:
    made = games.make(game)
    for task in take(game, 7, "train", 12):
        completions: tuple[str, ...] = ()
        while made.turn(task, completions) is not None:
            completions += (made.scripts["able"](task, completions),)
        assert made.verdict(made.read(task, completions, 0.0, {})).intended == pytest.approx(1.0)


@pytest.mark.slow
def test_the_corpus_never_holds_a_held_out_task() -> None:
    held_out = {task.prompt[-1]["content"] for game in GAMES for s in (0, 1) for task in at_most(game, s, "test", 2000)}
    messages = chain.from_iterable(islice(dialogues("test", default_shares()), 4000))
    prompts = {message["content"] for message in messages if message["role"] == "user"}
    assert not prompts & held_out


def test_an_unknown_game_has_no_tasks() -> None:
    with pytest.raises(UserError, match="valid: compliance-v1"):
        next(stream("chess-v1", 0, "train"))
