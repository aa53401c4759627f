"""Build the built-in policy, or one of another size by the same recipe: `python -m vulngames.tiny OUT`."""

import time
from pathlib import Path

import torch
import tyro
from tyro.conf import Positional

from vulngames.tiny.build import Recipe, build
from vulngames.tiny.card import write_card


def main(out: Positional[Path], recipe: Recipe = Recipe()) -> None:
    """Build a policy as a model directory, with its card.

    Args:
        out: the model directory to write.
        recipe: everything that decides the weights.
    """
    torch.set_num_threads(1)
    began = time.monotonic()
    policy = build(recipe)
    policy.model.save_pretrained(out)
    policy.tokenizer.save_pretrained(out)
    (out / "generation_config.json").unlink(missing_ok=True)
    write_card(out, recipe, time.monotonic() - began)
    print(out)


if __name__ == "__main__":
    tyro.cli(main)
