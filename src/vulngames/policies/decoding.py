"""A decoding loop for models on a CPU, where a step costs in proportion to its rows.

`generate` of transformers keeps every row until the longest has ended, and reads a prompt again for every sample that
is drawn from it. Here a row that has ended leaves the batch, and a prompt is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from transformers import Cache

# To leave means to copy the cache, which costs about as much as a step: done once such a share of the rows has ended.
_WORTH_LEAVING = 0.1
Forward = Callable[..., Any]


@torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
def decode(
    model: Any,
    input_ids: torch.Tensor,
    logits_processor: Any,
    stopping_criteria: Any,
    generation_config: Any,
    **prepared: Any,
) -> torch.Tensor:
    """Write until every row has ended or is as long as it may be; `custom_generate` of `generate`.

    Args:
        input_ids: rows × width, padded on the left.
        logits_processor: what `generate` made of temperature, top_p and top_k.
        generation_config: the tokens that end and pad a row, the longest length, and whether to sample.
        prepared: of the rest, `attention_mask` (rows × width, if any is 0) and an empty `Cache` are used. They have no
            names of their own because `generate` hands those over twice.

    Returns:
        rows × (width + the longest reply), padded on the right.

    Raises:
        TypeError: `generate` made no cache, or more than one.
    """
    ends = torch.as_tensor(generation_config.eos_token_id).reshape(-1)
    room = generation_config.max_length - input_ids.shape[1]
    replies = torch.full((len(input_ids), room), generation_config.pad_token_id)
    # `generate` leaves out a mask that masks nothing.
    masked = prepared.get("attention_mask")
    ids, mask, rows = input_ids, torch.ones_like(input_ids) if masked is None else masked, torch.arange(len(input_ids))
    name, cache = _cache(prepared)
    forward = partial(model, **{name: cache}, use_cache=True, logits_to_keep=1)
    going = torch.ones(len(rows), dtype=torch.bool)
    logits = _read(forward, ids, mask, cache)
    for step in range(room):
        scores = logits_processor(ids, logits)
        # A number for every row there ever was, so that a row's draws do not depend on when the others end.
        draws = torch.rand(len(replies), dtype=torch.float64)[rows]
        chosen = draw(scores, draws) if generation_config.do_sample else scores.argmax(-1)
        replies[rows[going], step] = chosen[going]
        going &= ~torch.isin(chosen, ends)
        if not going.any():
            return torch.cat([input_ids, replies[:, : step + 1]], 1)
        ids, mask = torch.cat([ids, chosen[:, None]], 1), torch.nn.functional.pad(mask, (0, 1), value=1)
        if (~going).sum() >= _WORTH_LEAVING * len(rows):
            ids, mask, rows = ids[going], mask[going], rows[going]
            cache.batch_select_indices(going.nonzero()[:, 0])
            going = going[going]
        logits = _next(forward, ids[:, -1:], mask)
    return torch.cat([input_ids, replies], 1)


def draw(scores: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """One token a row, by the inverse of its distribution.

    Args:
        scores: rows × tokens, unnormalised log-probabilities; minus infinity where a token may not be.
        draws: one number in [0, 1) a row.
    """
    # In double: a float's steps are as large as the chance of a rare token.
    below = scores.double().softmax(-1).cumsum(-1)
    tokens = torch.searchsorted(below, draws[:, None] * below[:, -1:], right=True)[:, 0]
    return tokens.clamp(max=scores.shape[-1] - 1)


def _cache(prepared: Mapping[str, Any]) -> tuple[str, Cache]:
    """The cache that `generate` made, after the name by which its model takes it: releases of transformers differ."""
    caches = [(name, value) for name, value in prepared.items() if isinstance(value, Cache)]
    if len(caches) != 1:
        raise TypeError(f"generate prepared {len(caches)} caches, not one, among {', '.join(sorted(prepared))}")
    return caches[0]


def _read(forward: Forward, ids: torch.Tensor, mask: torch.Tensor, cache: Cache) -> torch.Tensor:
    """Read the prompts, each different one once; returns the scores of what comes next, a row each."""
    # A row's mask is part of it: padding may be a token that prompts hold.
    different, rows = torch.unique(torch.cat([ids, mask], 1), dim=0, return_inverse=True)
    ids, mask = different.chunk(2, dim=1)
    logits = _next(forward, ids, mask)
    cache.batch_select_indices(rows)
    return logits[rows]


def _next(forward: Forward, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    places = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    return forward(input_ids=ids, attention_mask=mask, position_ids=places).logits[:, -1].float()
