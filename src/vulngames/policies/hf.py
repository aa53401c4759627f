"""A local Hugging Face model as a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from vulngames.errors import UserError
from vulngames.policies import Sampling, model_source
from vulngames.policies.decoding import decode
from vulngames.types import Conversation, Message, Reply, Turn

# Stands where a reply will stand when a chat template is asked what it writes around one.
_REPLY = "\u241f"
# Prompts whose tokens are kept.
_KEPT = 1024


@dataclass
class HFPolicy:
    """A causal language model and its tokenizer.

    Attributes:
        name: how the policy was named.
        model, tokenizer: a `transformers` pair; the tokenizer has a chat template.
        sampling: how it writes; its `max_tokens` holds where a turn does not say.
        batch_size: conversations generated together.
    """

    name: str
    model: Any
    tokenizer: Any
    sampling: Sampling = Sampling()
    batch_size: int = 256
    _rendered: dict[tuple[tuple[str, str], ...], list[int]] = field(default_factory=dict, repr=False)

    def write(self, conversations: Sequence[Conversation], turn: Turn, seed: int) -> list[Reply]:
        """One reply a conversation. Equal seeds and equal batches give equal replies on one device."""
        device = self.model.device
        replies: list[Reply] = []
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            for start in range(0, len(conversations), self.batch_size):
                prompts = [self.encode(each)[0] for each in conversations[start : start + self.batch_size]]
                replies += [self._reply(tokens) for tokens in self._generate(prompts, turn)]
        return replies

    def encode(self, conversation: Conversation) -> tuple[list[int], list[int]]:
        """Token ids up to where the policy writes next (or to the last reply), and for each the number of the reply it
        belongs to, from 1; 0 where the policy did not write.

        A reply's own tokens are kept as they were sampled; only what the template puts around them is rendered. A reply
        without tokens is taken to have ended where its text does.
        """
        end = next((i for i, part in enumerate(conversation) if isinstance(part, Reply)), len(conversation))
        messages: list[Message] = [part for part in conversation[:end] if not isinstance(part, Reply)]
        ids = self._render(messages)
        wrote, number = [0] * len(ids), 0
        while end < len(conversation):
            reply = conversation[end]
            assert isinstance(reply, Reply)
            written = list(reply.tokens) or self._written(reply.text)
            start, end = end + 1, end + 1
            while end < len(conversation) and not isinstance(conversation[end], Reply):
                end += 1
            between = self._between([part for part in conversation[start:end] if not isinstance(part, Reply)])
            if between and written and written[-1] == between[0]:
                between = between[1:]
            ids += written + between
            number += 1
            wrote += [number] * len(written) + [0] * len(between)
        return ids, wrote

    def _written(self, text: str) -> list[int]:
        return [*self.tokenizer.encode(text, add_special_tokens=False), self.tokenizer.eos_token_id]

    def _render(self, messages: list[Message]) -> list[int]:
        """Token ids of messages and of what stands before a reply to them; where a reply ends among them, of what
        follows it."""
        # A group shares its prompt, every evaluation its tasks, and what is written is encoded again to be trained on.
        key = tuple((message["role"], message["content"]) for message in messages)
        if key not in self._rendered:
            text = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
            if len(self._rendered) >= _KEPT:
                self._rendered.clear()
            self._rendered[key] = list(self.tokenizer.encode(text.rpartition(_REPLY)[2], add_special_tokens=False))
        return list(self._rendered[key])

    def _between(self, messages: list[Message]) -> list[int]:
        around: list[Message] = [{"role": "user", "content": "."}, {"role": "assistant", "content": _REPLY}]
        return self._render([*around, *messages]) if messages else []

    @torch.no_grad()
    def _generate(self, prompts: list[list[int]], turn: Turn) -> list[list[int]]:
        width = max(map(len, prompts))
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=self.model.device)
        attention = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=self.model.device)
        how = self.sampling
        sampling = (
            {"do_sample": False}
            if turn.greedy
            else {"do_sample": True, "temperature": how.temperature, "top_p": how.top_p, "top_k": how.top_k}
        )
        training = self.model.training
        self.model.eval()
        # A policy in training is held in float32; on an accelerator it need not write in it.
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.model.device.type == "cuda"):
            out = self.model.generate(
                input_ids=ids,
                attention_mask=attention,
                max_new_tokens=turn.max_tokens or how.max_tokens,
                pad_token_id=pad,
                eos_token_id=self.tokenizer.eos_token_id,
                # Models are often saved as they were trained, without a cache.
                use_cache=True,
                # An accelerator takes a step of many rows in the time of a few.
                custom_generate=decode if self.model.device.type == "cpu" else None,
                **sampling,
            )
        self.model.train(training)
        return [self._until_end(row) for row in out[:, width:].tolist()]

    def _until_end(self, tokens: list[int]) -> list[int]:
        end = self.tokenizer.eos_token_id
        return tokens[: tokens.index(end) + 1] if end in tokens else tokens

    def _reply(self, tokens: list[int]) -> Reply:
        return Reply(self.tokenizer.decode(tokens, skip_special_tokens=True), tuple(tokens))


def device() -> str:
    """Where local policies run: `cuda` if there is one, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def load_model(name: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """The model in `dtype`, on an accelerator if there is one, and its tokenizer.

    Raises:
        UserError: not a model directory, unreadable weights, or a tokenizer without a chat template.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    # Shards of a model and its every checkpoint are not what a user waits for.
    logging.disable_progress_bar()
    source = model_source(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left")
        model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
    except (OSError, ValueError, KeyError) as problem:
        raise UserError(f"cannot load policy {name!r}: {str(problem).splitlines()[0]}") from problem
    if tokenizer.chat_template is None:
        raise UserError(f"policy {name!r} has no chat template; valid: a tokenizer saved with one")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token_id = tokenizer.eos_token_id
    return model.to(device()), tokenizer


def load_hf(name: str, sampling: Sampling) -> HFPolicy:
    """The local policy called `name` (`tiny` or `hf:PATH_OR_ID`)."""
    model, tokenizer = load_model(name, torch.float32 if device() == "cpu" else torch.bfloat16)
    return HFPolicy(name, model.eval(), tokenizer, sampling)
