"""The run directory of a config."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vulngames import games
from vulngames.runs import Run, open_run
from vulngames.training.config import RunConfig
from vulngames.training.inputs import inputs

if TYPE_CHECKING:
    from vulngames.training.pretraining import PretrainConfig


def open_directory(config: RunConfig | PretrainConfig, out: Path, device: str) -> Run:
    """Open the run directory `out` for what `config` asks for, or make it.

    Raises:
        UserError: see `inputs` and `open_run`.
    """
    asked = asdict(config)
    facts = {"game": described(config.game)} if isinstance(config, RunConfig) else {}
    return open_run(out, asked, device, config.verb, inputs(asked), **facts)


def described(name: str) -> dict[str, Any]:
    """What run.json says of a game, so that a page about the run needs no more of it: `id`, `asked`, `hole` and
    `measures`, the last three null for what only pays."""
    game = games.spec(name).game
    measures = games.spec(name).measures
    about: dict[str, Any] = {"id": game.id, "asked": None, "hole": None, "measures": None}
    if measures is not None:
        gap = measures.gap and [measures.gap.first, measures.gap.second]
        about |= {"asked": game.asked, "hole": game.hole}
        about["measures"] = {
            "itp": measures.itp, "er": measures.er, "paper_er": measures.paper_er, "gap": gap,
            "well_formed": measures.well_formed,
        }  # fmt: skip
    return about
