"""A local Hugging Face model as a policy."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from vulngames.errors import UserError
from vulngames.policies import Sampling
from vulngames.policies.decoding import decode
from vulngames.policies.loading import device, ends_of, load_model, positions_of, rows_of
from vulngames.policies.memory import Use
from vulngames.policies.template import ChatTemplate
from vulngames.types import Conversation, Message, Reply, Turn

# Conversations generated together.
BATCH = 256
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
        template: the tokenizer's chat template.
        ends: ids of the tokens that end a reply.
        end: the one of them that a reply without tokens is given, the template's own if it has one.
        advance: told how many replies have been written, as they are.

    Raises:
        UserError: as `ChatTemplate` and `ends_of`.
    """

    name: str
    model: Any
    tokenizer: Any
    sampling: Sampling = Sampling()
    batch_size: int = BATCH
    advance: Callable[[int], object] = field(default=lambda n: None, repr=False)
    template: ChatTemplate = field(init=False, repr=False)
    ends: tuple[int, ...] = field(init=False)
    end: int = field(init=False)
    _known: int = field(init=False, repr=False)
    _places: int | None = field(init=False, repr=False)
    _rows_may_leave: bool = field(init=False, repr=False)
    _rendered: dict[tuple[bool, tuple[tuple[str, str], ...]], list[int]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.template = ChatTemplate(self.name, self.tokenizer)
        self.ends = ends_of(self.name, self.model, self.tokenizer, self.template)
        self.end = next(id for id in (self.template.end, self.tokenizer.eos_token_id, *self.ends) if id is not None)
        self._known = rows_of(self.model)
        self._places = positions_of(self.model)
        self._rows_may_leave = _keeps_rows_apart(self.model)

    def sampling_by(self, sampling: Sampling) -> HFPolicy:
        """The same model and tokenizer, with another way to write."""
        policy = copy.copy(self)
        policy.sampling = sampling
        return policy

    def generate(self, conversations: Sequence[Conversation], turn: Turn, seed: int) -> list[Reply]:
        """One reply per conversation. Equal seeds and equal batches give equal replies on one device."""
        device = self.model.device
        replies: list[Reply] = []
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            for start in range(0, len(conversations), self.batch_size):
                prompts = [
                    self.encode(conversation)[0] for conversation in conversations[start : start + self.batch_size]
                ]
                replies += [self._reply(tokens) for tokens in self._generate(prompts, turn)]
                self.advance(len(prompts))
        return replies

    def encode(self, conversation: Conversation) -> tuple[list[int], list[int]]:
        """Token ids up to where the policy writes next (or to the last reply), and for each the number of the reply it
        belongs to, from 1; 0 where the policy did not write.

        A reply's own tokens are kept as they were sampled; only what the template puts around them is rendered. A reply
        without tokens is taken to have ended where its text does, as the template ends it.

        Raises:
            UserError: the template cannot be used for it, the tokenizer has tokens that the model has not, or it is
                longer than the model has places for.
        """
        end = next((i for i, part in enumerate(conversation) if isinstance(part, Reply)), len(conversation))
        ids = self._render([part for part in conversation[:end] if not isinstance(part, Reply)])
        wrote, number = [0] * len(ids), 0
        while end < len(conversation):
            reply = conversation[end]
            assert isinstance(reply, Reply)
            written = list(reply.tokens) or self._written(reply.text)
            start, end = end + 1, end + 1
            while end < len(conversation) and not isinstance(conversation[end], Reply):
                end += 1
            between = self._between([part for part in conversation[start:end] if not isinstance(part, Reply)])
            if written and written[-1] in self.ends:
                between = self._after(written[-1], between)
            ids += written + between
            number += 1
            wrote += [number] * len(written) + [0] * len(between)
        if max(ids, default=0) >= self._known:
            odd = self.tokenizer.convert_ids_to_tokens(max(ids))
            raise UserError(
                f"policy {self.name!r}: its tokenizer has {odd!r} as token {max(ids)}, and its embedding only "
                f"{self._known} tokens; valid: a tokenizer and weights that belong together"
            )
        if self._places is not None and len(ids) >= self._places:
            raise UserError(
                f"policy {self.name!r} has room for {self._places} tokens, and a conversation takes {len(ids)}; "
                "valid: shorter tasks, or a model with more room"
            )
        return ids, wrote

    def _written(self, text: str) -> list[int]:
        return [*self.tokenizer.encode(text, add_special_tokens=False), self.end]

    def _render(self, messages: list[Message], after_reply: bool = False) -> list[int]:
        """Token ids of messages and of what stands before a reply to them, and where they follow one, of what ends
        it."""
        # A group shares its prompt, every evaluation its tasks, and what is written is encoded again to be trained on.
        key = (after_reply, tuple((message["role"], message["content"]) for message in messages))
        if key not in self._rendered:
            text = self.template.between(messages) if after_reply else self.template.before(messages)
            if len(self._rendered) >= _KEPT:
                self._rendered.clear()
            self._rendered[key] = list(self.tokenizer.encode(text, add_special_tokens=False))
        return list(self._rendered[key])

    def _between(self, messages: list[Message]) -> list[int]:
        return self._render(messages, after_reply=True) if messages else []

    def _after(self, end: int, between: list[int]) -> list[int]:
        """What the template writes after a reply, without an end of its own where the policy wrote one."""
        for place, id in enumerate(between):
            if id == end or id in self.template.closing:
                return between[place + 1 :]
            if self.tokenizer.decode([id]).strip():
                break
        return between

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def _generate(self, prompts: list[list[int]], turn: Turn) -> list[list[int]]:
        width = max(map(len, prompts))
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=self.model.device)
        attention = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=self.model.device)
        how = self.sampling
        most = turn.max_tokens or how.max_tokens
        if self._places is not None:
            most = min(most, self._places - width)
        sampling = (
            {"do_sample": False}
            if turn.greedy or how.greedy
            else {"do_sample": True, "temperature": how.temperature, "top_p": how.top_p, "top_k": how.top_k}
        )
        training = self.model.training
        self.model.eval()
        # A policy in training is held in float32; on an accelerator it need not write in it.
        device = self.model.device.type
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"), _on_its_own(self.model):
            out = self.model.generate(
                input_ids=ids,
                attention_mask=attention,
                max_new_tokens=most,
                pad_token_id=pad,
                eos_token_id=list(self.ends),
                # Models are often saved as they were trained, without a cache.
                use_cache=True,
                # An accelerator takes a step of many rows in the time of a few.
                custom_generate=decode if device == "cpu" and self._rows_may_leave else None,
                **sampling,
            )
        self.model.train(training)
        return [self._until_end(row) for row in out[:, width:].tolist()]

    def _until_end(self, tokens: list[int]) -> list[int]:
        place = next((place for place, id in enumerate(tokens) if id in self.ends), len(tokens))
        return tokens[: place + 1]

    def _reply(self, tokens: list[int]) -> Reply:
        ended = tokens[-1] in self.ends
        # Not every token that ends a reply is one that decoding would skip.
        text = self.tokenizer.decode(tokens[:-1] if ended else tokens, skip_special_tokens=True)
        return Reply(text, tuple(tokens), finish="stop" if ended else "length")


def _keeps_rows_apart(model: Any) -> bool:
    """Whether rows of the model's cache can be chosen from, as `decode` does; a recurrent model's cannot."""
    from transformers import DynamicCache

    takes = inspect.signature(model.forward).parameters
    layers = DynamicCache(config=model.config.get_text_config(decoder=True)).layers
    return not {"past_key_values", "cache"}.isdisjoint(takes) and all(
        hasattr(layer, "batch_select_indices") for layer in layers
    )


@contextmanager
def _on_its_own(model: Any) -> Iterator[None]:
    """Within it, the model's generation config is empty: a penalty or a beam that it ships with would write by another
    distribution than the one that is measured and trained."""
    from transformers import GenerationConfig

    shipped = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = shipped


def load_hf(name: str, sampling: Sampling) -> HFPolicy:
    """The local policy called `name` (`tiny` or `hf:PATH_OR_ID`).

    Raises:
        UserError: as `load_model`.
    """
    dtype = torch.float32 if device() == "cpu" else torch.bfloat16
    model, tokenizer = load_model(name, dtype, Use(BATCH, sampling.max_tokens))
    return HFPolicy(name, model.eval(), tokenizer, sampling)
