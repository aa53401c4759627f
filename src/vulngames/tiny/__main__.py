"""Build the built-in policy, or one of another size or with other shares, by one recipe: `python -m vulngames.tiny
OUT`."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import tyro
from rich.progress import Progress, TextColumn
from tyro.conf import Positional

from vulngames.errors import UserError
from vulngames.printable import one_line
from vulngames.tiny.build import Watch, first_stage, save, second_stage
from vulngames.tiny.card import write_card
from vulngames.tiny.corpus import check_kinds, planted, unexploited
from vulngames.tiny.recipe import Recipe


def main(
    out: Positional[Path],
    recipe: Recipe = Recipe(),
    exploit: float | None = None,
    rival: float | None = None,
    without: tuple[str, ...] = (),
    clean: Path | None = None,
) -> None:
    """Build a policy as a model directory, with its card.

    Args:
        out: the model directory to write.
        recipe: everything that decides the weights, but for the corpus.
        exploit: the share of dialogues that show the exploit, in every game that shows it; each game's own if left out.
        rival: the share of its other dialogues that show the honest work that the flawed rule pays best, likewise.
        without: kinds of dialogue to leave out, as the card names them.
        clean: where to write the policy as it was before it saw an exploit; nowhere if left out.
    """
    shares = planted(exploit, rival)
    check_kinds(without)
    for folder in (out, clean):
        if folder is not None and folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is no directory; valid: one, or a new name")
    if out == clean:
        raise UserError(f"out and clean are both {out}; valid: two directories")
    torch.set_num_threads(1)
    began = time.monotonic()
    with _bar("first stage") as watch:
        policy = first_stage(recipe, watch, without)
    if clean is not None:
        save(policy, clean)
        write_card(clean, recipe, unexploited(shares), without, stages=1, wall_s=time.monotonic() - began)
    with _bar("second stage") as watch:
        second_stage(policy, recipe, shares, watch, without)
    save(policy, out)
    write_card(out, recipe, shares, without, stages=2, wall_s=time.monotonic() - began)
    print(out)


@contextmanager
def _bar(stage: str) -> Iterator[Watch]:
    with Progress(*Progress.get_default_columns(), TextColumn("loss {task.fields[loss]:.3f}")) as progress:
        bar = progress.add_task(stage, total=None, loss=math.nan)
        yield lambda done, total, loss: progress.update(bar, completed=done, total=total, loss=loss)


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except UserError as problem:
        print(f"vulngames.tiny: {one_line(str(problem))}", file=sys.stderr)
        sys.exit(2)
