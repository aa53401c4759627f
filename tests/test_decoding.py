"""The decoding loop for a CPU writes what `generate` would, without the rows that have ended."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("transformers")

import torch
from scipy.stats import chi2_contingency

from vulngames import environment, tasks
from vulngames.policies import Sampling
from vulngames.policies.decoding import decode, draw
from vulngames.policies.hf import HFPolicy, load_hf
from vulngames.types import Turn


@pytest.fixture(scope="module")
def policy() -> HFPolicy:
    return load_hf("tiny", Sampling())


def batch(policy: HFPolicy, games: tuple[str, ...], n: int, each: int) -> Any:
    """`n` prompts of every game, `each` times, as rows padded on the left."""
    found = [task for game in games for task in tasks.take(game, 0, "test", n, tasks.difficulty_of(game, None))]
    prompts = [policy.encode(task.prompt)[0] for task in found for _ in range(each)]
    return policy.tokenizer.pad({"input_ids": prompts}, return_tensors="pt")


def generate(policy: HFPolicy, rows: Any, own: bool, **how: Any) -> list[list[int]]:
    torch.manual_seed(0)
    out = policy.model.generate(**rows, custom_generate=decode if own else None, **how)
    ends = policy.tokenizer.eos_token_id
    replies = out[:, rows["input_ids"].shape[1] :].tolist()
    return [reply[: reply.index(ends) + 1] if ends in reply else reply for reply in replies]


@pytest.mark.slow
def test_greedy_replies_are_those_of_generate(policy: HFPolicy) -> None:
    # Prompts of different lengths, replies that end at different times, and some that are cut.
    rows = batch(policy, ("tampering-v1", "compliance-v1", "proxy-v1"), 12, 2)
    how = {"do_sample": False, "max_new_tokens": 12}
    own, theirs = (generate(policy, rows, own, **how) for own in (True, False))
    assert own == theirs
    lengths = {len(reply) for reply in own}
    assert len(lengths) > 2 and max(lengths) == 12


@pytest.mark.slow
def test_sampled_replies_are_as_frequent_as_those_of_generate(policy: HFPolicy) -> None:
    rows = batch(policy, ("compliance-v1",), 1, 1500)
    how = {"do_sample": True, "temperature": 4.0, "top_k": 5, "top_p": 0.95, "max_new_tokens": 2}
    own, theirs = (Counter(map(tuple, generate(policy, rows, own, **how))) for own in (True, False))
    common = [reply for reply, n in (own + theirs).most_common() if n >= 40]
    table = [[counts[reply] for reply in common] for counts in (own, theirs)]
    assert len(common) >= 5
    assert chi2_contingency(table).pvalue > 1e-3


def test_a_row_writes_the_same_whatever_the_others_do(policy: HFPolicy) -> None:
    rows = batch(policy, ("compliance-v1", "tampering-v1"), 8, 1)
    how = {"do_sample": True, "max_new_tokens": 40}
    before = generate(policy, rows, True, **how)
    # The others are given another prompt, whose replies end at other times.
    rows["input_ids"][:8] = rows["input_ids"][8]
    rows["attention_mask"][:8] = rows["attention_mask"][8]
    assert generate(policy, rows, True, **how)[8:] == before[8:]


@given(
    st.lists(st.floats(-30, 30) | st.just(float("-inf")), min_size=1, max_size=12).filter(
        lambda scores: max(scores) > float("-inf")
    ),
    st.floats(0, 1, exclude_max=True) | st.sampled_from((0.0, 1 - 2**-53)),
)
def test_a_token_without_a_chance_is_never_drawn(scores: list[float], number: float) -> None:
    found = draw(torch.tensor([scores]), torch.tensor([number], dtype=torch.float64))
    assert scores[int(found)] > float("-inf")


def test_a_draw_is_the_inverse_of_the_distribution() -> None:
    scores = torch.log(torch.tensor([[0.5, 0.0, 0.25, 0.25]]))
    for number, token in ((0.0, 0), (0.49, 0), (0.51, 2), (0.74, 2), (0.76, 3), (0.999, 3)):
        assert draw(scores, torch.tensor([number], dtype=torch.float64)).tolist() == [token]


def test_a_model_that_was_saved_without_a_cache_writes_with_one(policy: HFPolicy, tmp_path: Path) -> None:
    uncached = load_hf("tiny", Sampling()).model
    uncached.config.use_cache = uncached.generation_config.use_cache = False
    uncached.save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    conversations = [task.prompt for task in tasks.take("compliance-v1", 0, "test", 4, 0.0)]
    said, expected = (
        each.generate(conversations, Turn((), 12), 0) for each in (load_hf(f"hf:{tmp_path}", Sampling()), policy)
    )
    assert said == expected


def test_a_release_that_prepares_no_cache_is_named(policy: HFPolicy) -> None:
    with pytest.raises(TypeError, match=r"generate prepared 0 caches, not one, among .*use_cache"):
        generate(policy, batch(policy, ("compliance-v1",), 1, 1), True, max_new_tokens=2, use_cache=False)


def test_local_policies_write_by_it(policy: HFPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        called.append(1)
        return decode(*arguments, **named)

    monkeypatch.setattr("vulngames.policies.hf.decode", counted)
    game = environment.make("compliance-v1", None, {})
    task = tasks.take("compliance-v1", 0, "test", 1, 0.0)[0]
    turn = game.turn(task, ())
    assert turn is not None
    policy.generate([task.prompt], turn, 0)
    assert called
