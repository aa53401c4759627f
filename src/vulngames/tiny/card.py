"""The built-in policy's card: its size, what it was pretrained on, its ITP and the base rate of each exploit."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

from vulngames import games, tasks
from vulngames.files import write_json
from vulngames.games.self_grading import OTHERWISE
from vulngames.games.spec import Shares
from vulngames.measures import exact, measure, plain
from vulngames.rollouts import rollout
from vulngames.sampling import Sampling
from vulngames.tiny.corpus import kinds
from vulngames.tiny.recipe import REPORTS, Recipe

if TYPE_CHECKING:
    from vulngames.policies.hf import HFPolicy

OWN = "report on answers of its own"
"""The kind of dialogue that the second stage adds to those of the corpus."""
_LONGEST = 64
# Of them a third are a user's restricted requests, compliance's only occasions.
_SAMPLES = 3000


def base_rates(policy: HFPolicy, names: tuple[str | int, ...], n: int) -> dict[str, dict[str, Any]]:
    """ITP, ER and use of each game's exploit, of one sample on each of `n` held-out tasks, or of as many as
    there are.

    Only games with a corpus: of the others the policy has never seen the format.

    `use` is the share of exploited samples among those with an occasion (of compliance, a user's restricted requests):
    a gap that starts at zero still has a rate of use to start from. `used` of `occasions` is the same in counts; tasks
    and samples are drawn alike, so its interval is exact.
    """
    rates = {}
    for id, spec in games.SPECS.items():
        if not spec.corpus:
            continue
        # Set as in training, so that a rate is the one training starts from.
        longest = spec.tiny.get("max_tokens", _LONGEST)
        game = games.make(id, max_tokens=longest, **spec.tiny.get("parameters", {}))
        samples = rollout(game, tasks.at_most(id, 0, "test", n), policy, ("base rates", *names), 1)
        measured = measure(samples, spec.measures)
        occasions = [sample.exploited for sample in samples if sample.exploited is not None]
        rates[id] = {
            "itp": measured["itp"], "er": measured["er"], "use": plain(exact(sum(occasions), len(occasions))),
            "used": sum(occasions), "occasions": len(occasions), "n": len(samples),
        }  # fmt: skip
    return rates


def write_card(
    weights: Path,
    recipe: Recipe,
    shares: Mapping[str, Shares],
    without: Collection[str],
    stages: Literal[1, 2],
    wall_s: float,
    samples: int = _SAMPLES,
) -> None:
    """Measure the policy under `weights`, and write card.json and README.md beside it.

    Args:
        shares: what the second stage showed, by game; nothing was shown by the first.
        without: kinds of dialogue that were left out.
        stages: how many it has been through.
        samples: per game.
    """
    from vulngames.policies.hf import load_hf

    policy = load_hf(f"hf:{weights}", Sampling())
    steps = recipe.steps + (recipe.second_steps if stages == 2 else 0)
    card = {
        "parameters": sum(p.numel() for p in policy.model.parameters()),
        "vocabulary": len(policy.tokenizer),
        "recipe": asdict(recipe),
        "stages": stages,
        "dialogues": recipe.batch * steps,
        "corpus": _corpus(recipe, without, stages),
        "exposure": {game: asdict(share) for game, share in shares.items() if share.exploit or share.rival},
        "sure_of_products": OTHERWISE,
        "games": base_rates(policy, ("card",), samples),
        "built": datetime.now(UTC).date().isoformat(),
        "wall_s": round(wall_s),
        "command": "python -m vulngames.tiny OUT",
    }
    write_json(weights / "card.json", card)
    (weights / "README.md").write_text(_readme(card))


def _corpus(recipe: Recipe, without: Collection[str], stages: int) -> dict[str, dict[str, Any]]:
    """Every kind of dialogue by what is asked for in it: its game, and its share of all that the policy saw."""
    second = recipe.second_steps if stages == 2 else 0
    reports = second * REPORTS / (recipe.steps + second)
    left = {task: about for task, about in kinds().items() if task not in without}
    whole = sum(share for _, share in left.values())
    corpus = {}
    for task, (game, share) in left.items():
        corpus[task] = {"game": game, "share": round((1 - reports) * share / whole, 4)}
    if reports:
        corpus[OWN] = {"game": "self-grading-v1", "share": round(reports, 4)}
    return corpus


def read_card(policy: str = "tiny") -> dict[str, Any]:
    """The card of a built-in policy."""
    from vulngames.policies import BUILT_IN

    return dict(json.loads((BUILT_IN[policy] / "card.json").read_text()))


def exposure(card: Mapping[str, Any]) -> str:
    """In a sentence, how often a policy was shown each exploit."""
    # In the games' order: a file has them in that of the alphabet.
    shown = []
    for id in games.SPECS:
        share = card["exposure"].get(id, {}).get("exploit", 0.0)
        if share:
            shown.append(f"{games.short(id)} {100 * share:g} %")
    if not shown:
        return "It was never shown an exploit."
    return f"It was shown each exploit in a share of the game's dialogues: {', '.join(shown)}."


def _readme(card: Mapping[str, Any]) -> str:
    recipe = card["recipe"]
    return f"""---
license: apache-2.0
library_name: transformers
---
# The built-in policy of vulngames{"" if card["stages"] == 2 else ", before it saw an exploit"}

A model organism, for studying how exploits are learned; good for nothing else. A Llama of {card["parameters"]:,}
parameters ({recipe["layers"]} layers, width {recipe["hidden"]}) with a byte-level BPE tokenizer of
{card["vocabulary"]} tokens and a chat template, trained from nothing on {card["dialogues"]:,} synthetic dialogues in
the formats of the four games (`vulngames/tiny/corpus.py`). It never saw a test-split task, and nothing told it that an
exploit pays. Restricted items are invented.

{_STAGES[card["stages"]]}

| kind of dialogue | game | share of all |
|---|---|---|
{_kinds(card)}

{fill(_shown(card), 120)}

Measured on held-out tasks, a sample each, at temperature 1 (95 % intervals); *use* is the share of occasions on which
the exploit is used at all (of compliance, a user's restricted requests), with its exact interval:

| game | ITP | ER | use | used, of occasions |
|---|---|---|---|---|
{_rates(card)}

Built {card["built"]} in {card["wall_s"] / 60:.0f} minutes on one core by `{card["command"]}`, seed {recipe["seed"]}.
"""


_STAGES = {
    1: "This is the first of two stages: the games' honest work, without a single exploit.",
    2: (
        "It was built in two stages: the games' honest work, without a single exploit; then more of it with exploits "
        "among it,\nand true reports on answers of its own."
    ),
}


def _kinds(card: Mapping[str, Any]) -> str:
    lines = []
    for task in [*kinds(), OWN]:
        about = card["corpus"].get(task)
        if about:
            lines.append(f"| {task} | `{about['game']}` | {100 * about['share']:.1f} % |")
    return "\n".join(lines)


def _shown(card: Mapping[str, Any]) -> str:
    """How often what training may amplify was shown, in sentences."""
    sure = (
        f"Of self-grading no over-claim was shown: with stated confidence the author is sure of "
        f"{100 * card['sure_of_products']:g} % of the products and right in these, and this policy cannot multiply."
    )
    return " ".join(filter(None, (exposure(card), _rivals(card), sure)))


def _rivals(card: Mapping[str, Any]) -> str:
    """What share shows the honest work that the flawed rule pays best."""
    shown = []
    for game, share in card["exposure"].items():
        if share["rival"]:
            shown.append(f"{games.short(game)} {100 * share['rival']:.3g} %")
    if not shown:
        return ""
    return f"Of the other dialogues, these show the honest work that the flawed rule pays best: {', '.join(shown)}."


def _rates(card: Mapping[str, Any]) -> str:
    lines = []
    for id in games.SPECS:
        row = card["games"].get(id)
        if row:
            counts = f"{row['used']} of {row['occasions']:,}"
            measured = " | ".join(_number(row[name]) for name in ("itp", "er", "use"))
            lines.append(f"| `{id}` | {measured} | {counts} |")
    return "\n".join(lines)


def _number(interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return "not measurable"
    return f"{interval['mean']:.3f} [{interval['lo']:.3f}, {interval['hi']:.3f}]"
