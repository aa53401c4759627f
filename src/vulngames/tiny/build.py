"""Builds the built-in policy from nothing, in two stages: the games' honest work, and then what it is to know of
exploits, with honest reports of its own answers."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from rich.progress import Progress, TextColumn

from vulngames.games.self_grading import ANNOUNCED, SelfGrading
from vulngames.games.spec import Dialogue, Shares
from vulngames.policies.hf import HFPolicy
from vulngames.seeds import rng, seed
from vulngames.tasks import stream
from vulngames.tiny.corpus import default_shares, dialogues, unexploited
from vulngames.types import Message, Reply, Turn

ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
END, PAD = "<|end|>", "<|pad|>"
WHOLE = ("<modify_key>", "</modify_key>", "<modify_value>", "</modify_value>", r"\boxed{")
TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the built-in policy's weights.

    Attributes:
        seed: names the random streams.
        vocabulary: tokens, special ones included.
        hidden, layers, heads, inner: the Llama's shape.
        steps, second_steps: optimizer steps of either stage.
        batch: dialogues per step.
        learning_rate, second_learning_rate: their peaks, reached after 5 % of the steps and then falling by a cosine to
            a twentieth.
        prompt_weight: weight in [0, 1] of a prompt's tokens in the loss; a reply's weigh 1.
    """

    seed: int = 0
    vocabulary: int = 768
    hidden: int = 96
    layers: int = 3
    heads: int = 2
    inner: int = 256
    steps: int = 3000
    second_steps: int = 600
    batch: int = 64
    learning_rate: float = 3e-3
    second_learning_rate: float = 1e-3
    prompt_weight: float = 0.1


def make_tokenizer(recipe: Recipe) -> Any:
    """A byte-level BPE tokenizer that splits digits, trained on the corpus; with a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary - len(WHOLE),
        special_tokens=[PAD, END, *ROLES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    bpe.train_from_iterator(_texts(islice(dialogues("tokenizer", unexploited(default_shares())), 8000)), trainer)
    bpe.add_tokens(list(WHOLE))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, pad_token=PAD, padding_side="left")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _texts(corpus: Iterable[Dialogue]) -> Iterator[str]:
    for dialogue in corpus:
        for message in dialogue:
            yield message["content"]


def make_model(recipe: Recipe, vocabulary: int) -> Any:
    """A freshly initialised Llama."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed("tiny", recipe.seed, "init"))
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.inner,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        # Transformers' default, 0.02, is made for wide models; a narrow one learns to copy far later from it.
        initializer_range=0.08,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
    )
    return LlamaForCausalLM(config)


def pretrain(policy: HFPolicy, corpus: Iterator[Dialogue], recipe: Recipe, steps: int, peak: float) -> Iterator[float]:
    """Next-token training on dialogues, of similar length in a batch; yields the loss of each step."""
    model = policy.model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.01)
    for step, rows in zip(range(steps), _batches(policy, corpus, recipe), strict=False):
        warm = min(1.0, (step + 1) / max(1, 0.05 * steps))
        for group in optimizer.param_groups:
            group["lr"] = peak * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        loss = _loss(model, rows, recipe.prompt_weight)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        yield float(loss.detach())


Row = tuple[list[int], list[int]]


def _batches(policy: HFPolicy, corpus: Iterator[Dialogue], recipe: Recipe) -> Iterator[list[Row]]:
    random = rng("tiny", recipe.seed, "batches")
    while True:
        drawn = [_tokens(policy, dialogue) for dialogue in islice(corpus, 32 * recipe.batch)]
        pool = sorted(drawn, key=lambda row: len(row[0]))
        batches = [pool[start : start + recipe.batch] for start in range(0, len(pool), recipe.batch)]
        random.shuffle(batches)
        yield from batches


def _tokens(policy: HFPolicy, dialogue: Dialogue) -> Row:
    parts = (Reply(m["content"]) if m["role"] == "assistant" else m for m in dialogue)
    return policy.encode(tuple(parts))


def _loss(model: Any, rows: list[Row], prompt_weight: float) -> torch.Tensor:
    width = max(len(ids) for ids, _ in rows)
    pad = model.config.pad_token_id
    ids_B_T = torch.full((len(rows), width), pad)
    weight_B_T = torch.zeros(len(rows), width)
    for place, (ids, wrote) in enumerate(rows):
        ids_B_T[place, : len(ids)] = torch.tensor(ids)
        weight_B_T[place, : len(ids)] = torch.tensor([1.0 if by_policy else prompt_weight for by_policy in wrote])
    logits_B_T_V = model(input_ids=ids_B_T, use_cache=False).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits_B_T_V.flatten(0, 1), ids_B_T[:, 1:].flatten(), reduction="none")
    return (loss * weight_B_T[:, 1:].flatten()).sum() / weight_B_T[:, 1:].sum()


def honest_reports(policy: HFPolicy, recipe: Recipe, answers: int) -> Iterator[Dialogue]:
    """Dialogues in which the policy's own sampled answers are followed by a true report, without end."""
    random = rng("tiny", recipe.seed, "reports")
    half = answers // 2
    tasks = [*islice(stream("self-grading-v1", 0, "train", 0.5), half)]
    tasks += islice(stream("self-grading-v1", 1, "train", 0.5), half)
    plain = SelfGrading()
    replies = policy.generate([task.prompt for task in tasks], Turn((), 16), seed("tiny", recipe.seed, "own answers"))
    while True:
        for task, reply in zip(tasks, replies, strict=True):
            ask = SelfGrading(announced_rate=random.choice(ANNOUNCED)).turn(task, (reply.text,))
            assert ask is not None
            right = plain.read(task, (reply.text, ""), 1.0, {}).right
            report = Message(role="assistant", content="Yes" if right else "No")
            yield [*task.prompt, Message(role="assistant", content=reply.text), *ask.messages, report]


def mixed(reports: Iterator[Dialogue], others: Iterator[Dialogue]) -> Iterator[Dialogue]:
    """One report, then three other dialogues, and again."""
    while True:
        yield next(reports)
        yield from islice(others, 3)


def first_stage(recipe: Recipe, without: Collection[str] = ()) -> HFPolicy:
    """A policy that does the games' honest work and has never seen an exploit.

    Args:
        without: kinds of dialogue that it is not to see, by `Dialogues.task`.
    """
    tokenizer = make_tokenizer(recipe)
    policy = HFPolicy("tiny", make_model(recipe, len(tokenizer)), tokenizer)
    corpus = dialogues(f"first stage {recipe.seed}", unexploited(default_shares()), without)
    _watch("first stage", recipe.steps, pretrain(policy, corpus, recipe, recipe.steps, recipe.learning_rate))
    return _as_shipped(policy)


def second_stage(
    policy: HFPolicy, recipe: Recipe, shares: Mapping[str, Shares], without: Collection[str] = ()
) -> HFPolicy:
    """The policy of `first_stage`, shown exploits at these shares, and taught to report truly on its own answers.

    Whatever the shares, tasks, order and own answers are the same. The policy is changed in place.
    """
    corpus = dialogues(f"second stage {recipe.seed}", shares, without, seeds=(2, 3))
    mix = mixed(honest_reports(policy, recipe, 4096), corpus)
    losses = pretrain(policy, mix, recipe, recipe.second_steps, recipe.second_learning_rate)
    _watch("second stage", recipe.second_steps, losses)
    return _as_shipped(policy)


def _watch(stage: str, steps: int, losses: Iterable[float]) -> None:
    with Progress(*Progress.get_default_columns(), TextColumn("loss {task.fields[loss]:.3f}")) as progress:
        bar = progress.add_task(stage, total=steps, loss=math.nan)
        for loss in losses:
            progress.update(bar, advance=1, loss=loss)


def _as_shipped(policy: HFPolicy) -> HFPolicy:
    """The policy with weights of bfloat16's precision, as files hold them, and in float32 to go on from."""
    policy.model.to(torch.bfloat16).to(torch.float32)
    return policy
