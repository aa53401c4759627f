"""What TRL is told and what it makes of it: options, tasks, draws, masks, advantages, and several updates in a step."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

import torch
import trl

from stops import Stop
from vulngames import tasks
from vulngames.errors import UserError
from vulngames.policies import Sampling
from vulngames.policies.hf import HFPolicy, load_hf
from vulngames.runs import Run, SampleRow
from vulngames.tasks import rows
from vulngames.training.config import EvalConfig, SFTConfig, TrainConfig, TrainingConfig, resolve
from vulngames.training.evaluate import evaluate
from vulngames.training.grpo import rl
from vulngames.training.observer import Halt, Observer
from vulngames.training.sft import sft
from vulngames.types import Conversation, Reply, Turn


class Trainer(trl.GRPOTrainer):  # type: ignore[misc]
    """TRL's, of which is kept what it was given and what its loss was computed from."""

    def __init__(self, rollout_func: Callable[..., Any], **given: Any) -> None:
        self.rolled: list[Mapping[str, Any]] = []
        self.losses: list[Mapping[str, Any]] = []

        def roll(prompts: Sequence[str], trainer: Any) -> Any:
            self.rolled.append(rollout_func(prompts, trainer))
            return dict(self.rolled[-1])

        super().__init__(rollout_func=roll, **given)
        TRAINERS.append(self)

    def _compute_loss(self, model: Any, inputs: Mapping[str, Any]) -> Any:
        ids, mask = (torch.cat([inputs[f"prompt_{name}"], inputs[f"completion_{name}"]], 1) for name in ("ids", "mask"))
        with torch.no_grad():
            now, _, _ = self._get_per_token_logps_and_entropies(model, ids, mask, inputs["completion_ids"].shape[1])
        update = self.state.global_step
        self.losses.append({**inputs, "update": update, "ids": ids, "mask": mask, "now": now})
        return super()._compute_loss(model, inputs)


TRAINERS: list[Trainer] = []
SMALL: dict[str, Any] = {"steps": 1, "prompts": 2, "group": 4, "eval_tasks": 2, "eval_every": 1, "checkpoint_every": 1}


@dataclass
class Watched:
    """A run, its trainer, and the seed of everything that its policy wrote."""

    run: Run
    trainer: Trainer
    seeds: list[int] = field(default_factory=list)

    def samples(self, split: str) -> list[SampleRow]:
        return [row for row in self.run.samples() if row["split"] == split]

    @property
    def logged(self) -> list[dict[str, Any]]:
        """TRL's own log, one line an update."""
        return [row for row in self.trainer.state.log_history if "learning_rate" in row]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Watched]:
    """Train with these options, watched."""
    monkeypatch.setattr(trl, "GRPOTrainer", Trainer)
    generate, seeds = HFPolicy.generate, []

    def seeded(self: HFPolicy, conversations: Sequence[Conversation], turn: Turn, seed: int) -> list[Reply]:
        seeds.append(seed)
        return generate(self, conversations, turn, seed)

    monkeypatch.setattr(HFPolicy, "generate", seeded)

    def run(game: str = "tampering-v1", name: str = "run", observers: Sequence[Observer] = (), **given: Any) -> Watched:
        seeds.clear()
        made = rl(resolve(TrainConfig, game, **{**SMALL, **given}), tmp_path / name, observers)
        return Watched(made, TRAINERS.pop(), list(seeds))

    return run


# What a run asks for, and what TRL calls it.

OPTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "beta": 0.0, "scale_rewards": "group", "max_steps": 1}),
    ({"temperature": 0.7, "top_p": 0.9, "top_k": 7}, {"temperature": 0.7, "top_p": 0.9, "top_k": 7}),
    ({"kl": 0.3}, {"beta": 0.3}),
    ({"normalize": False}, {"scale_rewards": "none"}),
    ({"learning_rate": 3e-4}, {"learning_rate": 3e-4, "lr_scheduler_type": "constant", "warmup_steps": 0}),
    ({"group": 6}, {"num_generations": 6, "generation_batch_size": 12, "num_iterations": 1}),
    (
        {"prompts": 4, "mini_batch": 2, "micro_batch": 4, "steps": 3, "checkpoint_every": 2},
        {
            "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "steps_per_generation": 4,
            "generation_batch_size": 16, "max_steps": 6, "save_steps": 4,
        },
    ),
]  # fmt: skip


class Made(Exception):
    """The trainer is made, and nothing more is wanted of it."""


@pytest.mark.parametrize(("given", "told"), OPTIONS, ids=[" ".join(given) or "defaults" for given, _ in OPTIONS])
def test_trl_is_told_what_a_run_is_asked(
    train: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], told: dict[str, Any]
) -> None:
    def made(*_: Any) -> None:
        raise Made

    monkeypatch.setattr("vulngames.training.run.TrainingRun.evaluate", made)
    with pytest.raises(Made):
        train(**given)
    args = TRAINERS.pop().args
    assert {name: getattr(args, name) for name in told} == told


@pytest.mark.slow
def test_the_learning_rate_stays_as_it_is(train: Callable[..., Watched]) -> None:
    watched = train(steps=4, learning_rate=2e-4)
    assert [row["learning_rate"] for row in watched.logged] == [2e-4] * 4


# What is sampled.


def _scores(policy: HFPolicy, loss: Mapping[str, Any], temperature: float = 1.0) -> torch.Tensor:
    """Log-probabilities of every token at every place of the completions, by a policy: rows × places × tokens."""
    places = (loss["mask"].cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        logits = policy.model(input_ids=loss["ids"], attention_mask=loss["mask"], position_ids=places).logits
    length = loss["completion_ids"].shape[1]
    return (logits[:, -length - 1 : -1].float() / temperature).log_softmax(-1)


def _of_tokens(loss: Mapping[str, Any], scores: torch.Tensor) -> torch.Tensor:
    return scores.gather(-1, loss["completion_ids"][..., None])[..., 0]


def _unlikely(watched: Watched) -> tuple[int, float]:
    """Of all tokens that were written in a first step: how many were more probable at most, and their share."""
    start = load_hf("tiny", Sampling())
    ranks, shares = [0], [0.0]
    for loss in watched.trainer.losses:
        written = loss["completion_mask"].bool()
        scores = _scores(start, loss)
        above = scores > _of_tokens(loss, scores)[..., None]
        ranks += above.sum(-1)[written].tolist()
        shares += scores.exp().where(above, torch.zeros(())).sum(-1)[written].tolist()
    return max(ranks), max(shares)


@pytest.mark.slow
def test_training_samples_as_it_is_asked(train: Callable[..., Watched]) -> None:
    rank, share = _unlikely(train(name="usual", prompts=4))
    assert rank > 1 and share > 0.5
    assert _unlikely(train(name="top_k", prompts=4, top_k=2))[0] == 1
    assert _unlikely(train(name="top_p", prompts=4, top_p=0.5))[1] < 0.5
    assert _unlikely(train(name="cold", prompts=4, temperature=1e-5))[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"temperature": 3.0}, {"top_k": 2, "top_p": 0.5}], ids=str)
def test_log_probabilities_are_those_of_the_whole_distribution_at_the_temperature(
    train: Callable[..., Watched], how: dict[str, float]
) -> None:
    start = load_hf("tiny", Sampling())
    for loss in train(**how).trainer.losses:
        written = loss["completion_mask"].bool()
        expected = _of_tokens(loss, _scores(start, loss, how.get("temperature", 1.0)))
        assert torch.allclose(loss["now"][written], expected[written], atol=1e-4)


def _alike(samples: Sequence[SampleRow]) -> list[bool]:
    """For each task, whether all its samples are the same text."""
    texts = defaultdict(set)
    for sample in samples:
        texts[sample["task"]].add(tuple(sample["completions"]))
    return [len(different) == 1 for different in texts.values()]


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"eval_temperature": 0.0}, {"eval_top_k": 1}, {"eval_top_p": 1e-6}], ids=str)
def test_evaluations_sample_in_their_own_way(train: Callable[..., Watched], how: dict[str, float]) -> None:
    watched = train(**how, prompts=4, eval_tasks=8, eval_group=3)
    evaluated = watched.samples("test")
    assert len(evaluated) == 2 * 8 * 3 and all(_alike(evaluated[:24])) and all(_alike(evaluated[24:]))
    assert not all(_alike(watched.samples("train")))


@pytest.mark.slow
def test_training_may_be_colder_than_evaluations(train: Callable[..., Watched]) -> None:
    watched = train(top_k=2, top_p=1e-6, prompts=4, eval_tasks=8)
    assert all(_alike(watched.samples("train"))) and not all(_alike(watched.samples("test")))


@pytest.mark.slow
def test_students_are_evaluated_as_it_is_asked(tmp_path: Path) -> None:
    wrote = evaluate(resolve(EvalConfig, "proxy-v1", "script:able", split="train", n=4), tmp_path / "wrote")
    few: dict[str, Any] = {"examples": 4, "batch": 4, "epochs": 1, "eval_tasks": 4}
    config = resolve(SFTConfig, "proxy-v1", honest=str(wrote.path), share=0.0, eval_top_k=1, **few)
    run = sft(config, tmp_path / "run")
    evaluated = list(run.samples())
    assert len(evaluated) == 16 and all(_alike(evaluated[:8])) and all(_alike(evaluated[8:]))


# What is drawn.


@pytest.mark.slow
def test_no_two_draws_of_a_run_share_a_seed(train: Callable[..., Watched]) -> None:
    report = {"train_report": True}
    watched = train("self-grading-v1", steps=3, mini_batch=1, parameters=report)
    # Three steps and four evaluations, of two turns each.
    assert len(set(watched.seeds)) == len(watched.seeds) == 2 * (3 + 4)
    other = train("self-grading-v1", name="other", seed=1, steps=3, mini_batch=1, parameters=report)
    assert set(other.seeds).isdisjoint(watched.seeds)


@pytest.mark.slow
def test_coins_fall_anew_at_every_step(train: Callable[..., Watched], tmp_path: Path) -> None:
    path, n = _questions(tmp_path)
    given = {"prompts": n, "eval_tasks": 4, "steps": 2, "parameters": {"audit_rate": 0.5}, "data": path}
    watched = train("self-grading-v1", **given)
    for split, steps in (("train", 2), ("test", 3)):
        tossed: dict[int, list[Any]] = defaultdict(list)
        for row in watched.samples(split):
            tossed[row["step"]].append((row["task"], row["index"], row["facts"]["audited"]))
        # The same tasks, and other coins.
        seen = {frozenset(coins) for coins in tossed.values()}
        which = {frozenset((task, index) for task, index, _ in coins) for coins in tossed.values()}
        assert len(seen) == len(tossed) == steps and len(which) == 1


def _questions(folder: Path) -> tuple[Path, int]:
    """A file of rows for self-grading, and how many of them are trained on."""
    path = folder / "rows.jsonl"
    made = []
    for number in range(40):
        prompt = [{"role": "user", "content": f"What is {number} and 1?"}]
        made.append({"prompt": prompt, "reward_model": {"ground_truth": str(number + 1)}})
    path.write_text("".join(json.dumps({**row, "data_source": "self_grading"}) + "\n" for row in made))
    return path, len(rows.trainable("self-grading-v1", path))


@pytest.mark.slow
def test_evaluations_are_on_tasks_that_no_seed_is_trained_on(train: Callable[..., Watched], tmp_path: Path) -> None:
    path, n = _questions(tmp_path)
    held_out = {task.id for task in rows.held_out("self-grading-v1", path)}
    synthetic = {task.id for task in tasks.take("tampering-v1", 0, "test", 6, 0.9)}
    every_row = {"data": path, "prompts": n, "eval_tasks": 40}
    for name, given, expected in (
        ("rows", {"game": "self-grading-v1", **every_row}, held_out),
        ("synthetic", {"eval_tasks": 6, "prompts": 8, "difficulty": 0.9}, synthetic),
    ):
        trained: list[set[str]] = []
        for seed in (0, 1):
            watched = train(name=f"{name}-{seed}", seed=seed, **given)
            assert {row["task"] for row in watched.samples("test")} == expected
            trained.append({row["task"] for row in watched.samples("train")})
        assert (trained[0] | trained[1]).isdisjoint(expected)
        if name == "synthetic":
            assert trained[0] != trained[1]


@pytest.mark.slow
def test_each_seed_is_trained_on_its_own_tasks_in_their_order(train: Callable[..., Watched]) -> None:
    for seed in (0, 3):
        watched = train(name=f"run-{seed}", seed=seed, steps=2, prompts=3, mini_batch=1, difficulty=0.9)
        expected: list[tuple[int, str, int]] = []
        for place, task in enumerate(tasks.take("tampering-v1", seed, "train", 6, 0.9)):
            expected += [(place // 3, task.id, index) for index in range(4)]
        assert [(row["step"], row["task"], row["index"]) for row in watched.samples("train")] == expected


# What is learned from.


@pytest.mark.slow
@pytest.mark.parametrize("train_report", [False, True])
def test_a_report_that_is_not_trained_is_masked(train: Callable[..., Watched], train_report: bool) -> None:
    watched = train("self-grading-v1", prompts=4, parameters={"train_report": train_report})
    tokenizer = load_hf("tiny", Sampling()).tokenizer
    (rolled,) = watched.trainer.rolled
    masks: Counter[tuple[tuple[int, ...], tuple[int, ...]]] = Counter()
    for ids, mask, row in zip(rolled["completion_ids"], rolled["env_mask"], watched.samples("train"), strict=True):
        answer, report = row["completions"]
        trained = [id for id, counts in zip(ids, mask, strict=True) if counts]
        left_out = [id for id, counts in zip(ids, mask, strict=True) if not counts]
        assert tokenizer.decode(trained, skip_special_tokens=True) == answer + report * train_report
        assert tokenizer.decode(left_out).endswith("<|assistant|>" if train_report else f"{report}<|end|>")
        masks[tuple(ids), tuple(mask)] += 1
    # And so it reaches the loss.
    learned: Counter[tuple[tuple[int, ...], tuple[int, ...]]] = Counter()
    for loss in watched.trainer.losses:
        for ids, written, mask in zip(
            loss["completion_ids"], loss["completion_mask"].bool(), loss["tool_mask"], strict=True
        ):
            learned[tuple(ids[written].tolist()), tuple(mask[written].int().tolist())] += 1
    assert learned == masks


def _advantages(samples: Sequence[SampleRow], pay: str, normalize: bool) -> list[float]:
    groups: dict[tuple[int, str], list[float]] = defaultdict(list)
    for row in samples:
        groups[row["step"], row["task"]].append(row[pay])  # type: ignore[literal-required]
    advantages: list[float] = []
    for rewards in groups.values():
        paid = torch.tensor(rewards)
        centred = paid - paid.mean()
        advantages += (centred / (paid.std() + 1e-4) if normalize else centred).tolist()
    return sorted(advantages)


@pytest.mark.slow
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("patched", [True, False])
def test_advantages_are_of_the_arms_pay_and_normalised_as_it_is_asked(
    train: Callable[..., Watched], normalize: bool, patched: bool
) -> None:
    watched = train("self-grading-v1", prompts=4, group=8, mini_batch=2, normalize=normalize, patched=patched)
    learned = torch.cat([loss["advantages"] for loss in watched.trainer.losses]).sort().values
    by_arm = [torch.tensor(_advantages(watched.samples("train"), pay, normalize)) for pay in ("reward", "patched")]
    assert torch.allclose(learned, by_arm[patched], atol=1e-4)
    assert not torch.allclose(learned, by_arm[not patched], atol=0.1)


@pytest.mark.slow
def test_the_kl_term_is_towards_the_starting_policy(train: Callable[..., Watched]) -> None:
    start = load_hf("tiny", Sampling())
    watched = train(steps=2, kl=0.5, learning_rate=5e-3, name="kl")
    for loss in watched.trainer.losses:
        written = loss["completion_mask"].bool()
        assert torch.allclose(
            loss["ref_per_token_logps"][written], _of_tokens(loss, _scores(start, loss))[written], atol=1e-4
        )
    free = train(steps=2, learning_rate=5e-3, name="free")
    weights = "model.safetensors"
    assert (watched.run.policy / weights).read_bytes() != (free.run.policy / weights).read_bytes()


# Several updates in a step.


STEPS: dict[str, Any] = {
    "game": "self-grading-v1", "steps": 3, "prompts": 4, "group": 4, "mini_batch": 2, "micro_batch": 4,
    "learning_rate": 5e-3, "parameters": {"train_report": True},
}  # fmt: skip


@pytest.mark.slow
def test_the_clip_acts_from_the_second_update_of_a_step_on(train: Callable[..., Watched]) -> None:
    watched = train(**{**STEPS, "steps": 1})
    start = load_hf("tiny", Sampling())
    furthest = [0.0, 0.0]
    for loss in watched.trainer.losses:
        counts = (loss["completion_mask"] * loss["tool_mask"]).bool()
        sampled = _of_tokens(loss, _scores(start, loss))
        assert torch.allclose(loss["old_per_token_logps"][counts], sampled[counts], atol=1e-4), "those at sampling"
        ratio = (loss["now"] - loss["old_per_token_logps"]).exp()[counts]
        furthest[loss["update"]] = max(furthest[loss["update"]], float((ratio - 1).abs().max()))
    assert furthest[0] < 1e-3 and furthest[1] > 0.2
    assert [row["clip_ratio/region_mean"] > 0 for row in watched.logged] == [False, True]


@pytest.mark.slow
def test_with_one_update_a_step_nothing_is_there_to_be_clipped(train: Callable[..., Watched]) -> None:
    watched = train(**{**STEPS, "mini_batch": 4})
    assert not any("old_per_token_logps" in loss for loss in watched.trainer.losses)
    assert [row["clip_ratio/region_mean"] for row in watched.logged] == [0.0] * 3


@pytest.mark.slow
def test_each_sample_of_a_step_is_learned_from_in_one_of_its_updates(train: Callable[..., Watched]) -> None:
    watched = train(**STEPS)
    assert watched.run.finished and watched.trainer.state.global_step == 6
    assert [row["step"] for row in watched.run.metrics()] == [0, 1, 2, 3]
    assert Counter(row["step"] for row in watched.samples("train")) == dict.fromkeys(range(3), 16)
    learned: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for loss in watched.trainer.losses:
        for ids, mask in zip(loss["ids"], loss["mask"].bool(), strict=True):
            learned[loss["update"]].append(tuple(ids[mask].tolist()))
    assert {update: len(found) for update, found in learned.items()} == dict.fromkeys(range(6), 8)
    for step, rolled in enumerate(watched.trainer.rolled):
        whole = zip(rolled["prompt_ids"], rolled["completion_ids"], strict=True)
        assert Counter(tuple(a) + tuple(b) for a, b in whole) == Counter(learned[2 * step] + learned[2 * step + 1])


@pytest.mark.slow
def test_observers_hear_of_steps_not_of_updates(train: Callable[..., Watched]) -> None:
    class Heard(Observer):
        def on_step(self, done: int, steps: int) -> Halt | None:
            heard.append((done, steps))
            return Halt("enough") if done == 2 else None

    heard: list[tuple[int, int]] = []
    watched = train(**STEPS, observers=[Heard()])
    assert heard == [(1, 3), (2, 3)] and watched.run.about["halted"] == {"step": 2, "reason": "enough"}
    assert [row["step"] for row in watched.run.metrics()] == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(("killed_at", "checkpoint_every"), [(1, 1), (2, 1), (3, 2)])
def test_a_broken_run_of_several_updates_a_step_goes_on_to_the_same_numbers(
    train: Callable[..., Watched], tmp_path: Path, killed_at: int, checkpoint_every: int
) -> None:
    given = {**STEPS, "steps": 4, "checkpoint_every": checkpoint_every}
    whole = train(**given, name="whole").run
    with pytest.raises(InterruptedError):
        train(**given, name="broken", observers=[Stop(killed_at)])
    TRAINERS.pop()
    resumed = train(**given, name="broken")
    assert resumed.trainer.losses[0]["update"] == 2 * ((killed_at - 1) // checkpoint_every * checkpoint_every)
    for name in ("metrics.jsonl", "policy/model.safetensors"):
        assert (whole.path / name).read_bytes() == (resumed.run.path / name).read_bytes()
    assert list(whole.samples()) == list(resumed.run.samples())


@pytest.mark.slow
def test_updates_of_a_step_teach_something_else_than_one(train: Callable[..., Watched]) -> None:
    weights = set()
    for mini_batch in (None, 4, 2, 1):
        watched = train(**{**STEPS, "steps": 1, "mini_batch": mini_batch}, name=f"by-{mini_batch}")
        weights.add((watched.run.policy / "model.safetensors").read_bytes())
    assert len(weights) == 3, "all of them is the default"


# The paper's settings.


@pytest.fixture
def real(tmp_path: Path) -> str:
    """What a policy beyond the built-in size looks like from outside."""
    (tmp_path / "config.json").write_text("{}")
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(60_000_000)
    return f"hf:{tmp_path}"


@pytest.mark.parametrize(
    ("game", "prompts", "updates", "tokens"),
    [
        ("compliance-v1", 64, 2, 3072),
        ("self-grading-v1", 64, 2, 3072),
        ("proxy-v1", 96, 3, 3072),
        ("tampering-v1", 32, 1, 2048),
    ],
)
def test_a_real_model_is_trained_and_evaluated_as_in_the_paper(
    real: str, game: str, prompts: int, updates: int, tokens: int
) -> None:
    config = resolve(TrainConfig, game, real)
    assert (config.prompts, config.mini_batch, config.updates) == (prompts, 32, updates)
    assert config.sampling == Sampling(1.0, 1.0, 0, tokens)
    assert config.eval_sampling == Sampling(0.6, 0.95, 20, tokens) and config.eval_group == 8
    evaluated = resolve(EvalConfig, game, real)
    assert (evaluated.sampling, evaluated.group) == (config.eval_sampling, 8)
    taught = resolve(SFTConfig, game, real, exploit="run")
    assert (taught.eval_sampling, taught.eval_group, taught.updates) == (config.eval_sampling, 8, 1)


@pytest.mark.parametrize("game", ["compliance-v1", "self-grading-v1", "proxy-v1", "tampering-v1"])
@pytest.mark.parametrize("policy", ["tiny", "api:m@http://127.0.0.1:9/v1", "script:able"])
def test_others_are_evaluated_at_temperature_1(game: str, policy: str) -> None:
    evaluated = resolve(EvalConfig, game, policy)
    assert (evaluated.temperature, evaluated.top_p, evaluated.top_k, evaluated.group) == (1.0, 1.0, 0, 2)
    if policy == "tiny":
        config = resolve(TrainConfig, game, policy)
        assert config.sampling == config.eval_sampling == evaluated.sampling and config.updates == 1


@pytest.mark.parametrize(
    ("given", "mini_batch", "micro_batch"),
    [
        ({"prompts": 128}, 32, 8),
        ({"prompts": 40}, 40, 8),
        ({"prompts": 8}, 8, 8),
        ({"prompts": 67}, 67, 8),
        ({"prompts": 6, "mini_batch": 3, "group": 5}, 3, 5),
        ({"mini_batch": 1, "group": 2}, 1, 2),
    ],
)
def test_the_default_mini_batch_is_the_papers_where_it_divides_a_step(
    real: str, given: dict[str, int], mini_batch: int, micro_batch: int
) -> None:
    config = resolve(TrainConfig, "tampering-v1", real, **given)
    assert (config.mini_batch, config.micro_batch) == (mini_batch, micro_batch)


def test_rows_are_seen_as_often_as_in_the_paper(real: str, tmp_path: Path) -> None:
    path, n = _questions(tmp_path)
    assert 30 < n < 40
    for given, steps in (
        ({"prompts": 7}, 4 * n // 7), ({"prompts": 7, "steps": 9}, 9), ({}, 4 * n // 64), ({"prompts": 400}, 1),
    ):  # fmt: skip
        assert resolve(TrainConfig, "self-grading-v1", real, data=path, **given).steps == steps
    assert resolve(TrainConfig, "self-grading-v1", real).steps == 100
    assert resolve(TrainConfig, "self-grading-v1", "tiny", data=path).steps == 30
    assert resolve(TrainConfig, "self-grading-v1", real, data=tmp_path / "gone.jsonl").steps == 100


@pytest.mark.parametrize(
    ("kind", "changed", "said"),
    [
        (TrainConfig, {"mini_batch": 0}, "mini_batch = 0 is too small; valid: 1 or more"),
        (TrainConfig, {"mini_batch": 3}, "mini_batch = 3 does not divide prompts = 8"),
        (TrainConfig, {"mini_batch": 16}, "mini_batch = 16 does not divide prompts = 8"),
        (TrainConfig, {"mini_batch": 2, "micro_batch": 32}, "micro_batch = 32 does not divide mini_batch x group = 16"),
        (TrainConfig, {"top_p": 0.0}, "top_p = 0.0 is out of range; valid: above 0, up to 1"),
        (TrainConfig, {"top_k": -2}, "top_k = -2 is out of range"),
        (TrainConfig, {"top_k": 1}, "top_k = 1 is out of range; valid: 2 or more, or 0 for all tokens, since GRPO"),
        (TrainConfig, {"eval_top_p": 1.5}, "eval_top_p = 1.5 is out of range; valid: above 0, up to 1"),
        (TrainConfig, {"eval_top_k": -3}, "eval_top_k = -3 is out of range"),
        (SFTConfig, {"eval_temperature": -1.0}, "eval_temperature = -1.0 is out of range; valid: 0 (greedy) or"),
        (SFTConfig, {"temperature": 1.0}, "SFTConfig has no 'temperature'"),
    ],
)
def test_options_that_cannot_be_are_named(kind: type[TrainingConfig], changed: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as problem:
        resolve(kind, "tampering-v1", **changed)
    assert str(problem.value).startswith(said)
