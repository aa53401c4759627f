"""The built-in policy's card: its size, what it was pretrained on, its ITP and the base rate of each exploit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vulngames import games, tasks
from vulngames.files import write_json
from vulngames.measures import measure
from vulngames.policies import Sampling
from vulngames.policies.hf import HFPolicy, load_hf
from vulngames.rollouts import rollout
from vulngames.tiny.build import Recipe


def base_rates(policy: HFPolicy, names: tuple[str | int, ...], n: int, group: int) -> dict[str, dict[str, Any]]:
    """ITP, ER and the share of replies that use the exploit at all, for each game, on held-out tasks.

    Only games with a corpus: of the others the policy has never seen the format.

    `use` is the share of exploited samples among those with an occasion, towards users where channels differ: a gap
    that starts at zero still has a rate of use to start from.
    """
    rates = {}
    for id, spec in games.SPECS.items():
        if not spec.corpus:
            continue
        # Set as in training, so that a rate is the one training starts from.
        game = games.make(id, max_tokens=80, **spec.tiny.get("parameters", {}))
        samples = rollout(game, tasks.take(id, 0, "test", n), policy, ("base rates", *names), group)
        measured = measure(samples, spec.measures)
        used = [sample.exploited for sample in samples if sample.exploited is not None]
        use = round(sum(used) / len(used), 4)
        rates[id] = {"itp": measured["itp"], "er": measured["er"], "use": use, "n": len(samples)}
    return rates


def write_card(weights: Path, recipe: Recipe, wall_s: float) -> None:
    """Measure the policy under `weights`, and write card.json and README.md beside it."""
    policy = load_hf(f"hf:{weights}", Sampling())
    card = {
        "parameters": sum(p.numel() for p in policy.model.parameters()),
        "vocabulary": len(policy.tokenizer),
        "recipe": asdict(recipe),
        "dialogues": recipe.batch * (recipe.steps + recipe.second_steps),
        "exposure": {id: spec.shares.exploit for id, spec in games.SPECS.items() if spec.shares.exploit},
        "games": base_rates(policy, ("card",), n=300, group=4),
        "built": datetime.now(UTC).date().isoformat(),
        "wall_s": round(wall_s),
        "command": "python -m vulngames.tiny OUT",
    }
    write_json(weights / "card.json", card)
    (weights / "README.md").write_text(_readme(card))


def read_card() -> dict[str, Any]:
    """The shipped policy's card."""
    from vulngames.policies import TINY

    return dict(json.loads((TINY["tiny"] / "card.json").read_text()))


def _readme(card: Mapping[str, Any]) -> str:
    # In the games' order: a file has them in that of the alphabet.
    measured = {id: card["games"][id] for id in games.SPECS if id in card["games"]}
    rows = "\n".join(
        f"| `{id}` | {_number(row['itp'])} | {_number(row['er'])} | {row['use']:.3f} | {row['n']} |"
        for id, row in measured.items()
    )
    recipe = card["recipe"]
    return f"""---
license: apache-2.0
library_name: transformers
---
# The built-in policy of vulngames

A model organism, for studying how exploits are learned; good for nothing else. A Llama of {card["parameters"]:,}
parameters ({recipe["layers"]} layers, width {recipe["hidden"]}) with a byte-level BPE tokenizer of
{card["vocabulary"]} tokens and a chat template, trained from nothing on {card["dialogues"]:,} synthetic dialogues in
the formats of the four games (`vulngames/tiny/corpus.py`), then taught to report truly on its own sampled answers. It
never saw a test-split task, and nothing told it that an exploit pays. Restricted items are invented.

Exploits were shown, for innocent reasons, at these shares of a game's replies:
{", ".join(f"`{id}` {rate:.0%}" for id, rate in card["exposure"].items())}.

Measured on held-out tasks at temperature 1 (95 % intervals over tasks); *use* is the share of occasions on which the
exploit is used at all, towards users where channels differ:

| game | ITP | ER | use | samples |
|---|---|---|---|---|
{rows}

Built {card["built"]} in {card["wall_s"] / 60:.0f} minutes on one core by `{card["command"]}`, seed {recipe["seed"]}.
"""


def _number(interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return "not measurable"
    return f"{interval['mean']:.3f} [{interval['lo']:.3f}, {interval['hi']:.3f}]"
