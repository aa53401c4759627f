"""Build the built-in policy, or one of another size or with other shares, by one recipe: `python -m vulngames.tiny
OUT`."""

import time
from dataclasses import replace
from pathlib import Path

import torch
import tyro
from tyro.conf import Positional

from vulngames.policies.hf import HFPolicy
from vulngames.tiny.build import Recipe, first_stage, second_stage
from vulngames.tiny.card import write_card
from vulngames.tiny.corpus import default_shares


def main(
    out: Positional[Path],
    recipe: Recipe = Recipe(),
    exploit: float | None = None,
    without: tuple[str, ...] = (),
    clean: Path | None = None,
) -> None:
    """Build a policy as a model directory, with its card.

    Args:
        out: the model directory to write.
        recipe: everything that decides the weights.
        exploit: the share of dialogues that show the exploit, in every game that shows it; each game's own if left out.
        without: kinds of dialogue to leave out, as the card names them.
        clean: where to write the policy as it was before it saw an exploit.
    """
    torch.set_num_threads(1)
    shares = default_shares()
    if exploit is not None:
        shares = {game: replace(share, exploit=exploit if share.exploit else 0.0) for game, share in shares.items()}
    began = time.monotonic()
    policy = first_stage(recipe, without)
    if clean is not None:
        _write(policy, clean)
    _write(second_stage(policy, recipe, shares, without), out)
    write_card(out, recipe, time.monotonic() - began)
    print(out)


def _write(policy: HFPolicy, out: Path) -> None:
    dtype = policy.model.dtype
    policy.model.to(torch.bfloat16).save_pretrained(out)
    policy.model.to(dtype)
    policy.tokenizer.save_pretrained(out)
    (out / "generation_config.json").unlink(missing_ok=True)


if __name__ == "__main__":
    tyro.cli(main)
