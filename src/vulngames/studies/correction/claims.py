"""What the paper and we claim of correction, and how each claim is tested."""

from __future__ import annotations

from vulngames.claims.claim import MOST, OURS, SEVERAL, Claim, Comparison, Variant
from vulngames.claims.comparison import GAP, compare, sooner, steps, whole
from vulngames.claims.effect import STEPS, Above, Side, paired
from vulngames.studies.correction.key import EXPLOITERS, Findings, Key, Origin
from vulngames.studies.summary import Summary

Correction = Summary[Key, Findings]
NAMES: dict[Origin, str] = {"rl": "RL-trained", "sft": "SFT-trained"}


def residual(summary: Correction) -> list[Comparison]:
    """ER left after training by the patched rule, RL-trained against SFT-trained, where both began alike."""
    return [_unmatched(summary, game) or _residual(summary, game) for game in summary.plan.games]


def _residual(summary: Correction, game: str) -> Comparison:
    rl, sft = (summary[Key(game, origin, "patched rule")] for origin in EXPLOITERS)
    return compare(game, rl, {NAMES["sft"]: sft}, limit="ceiling")


def _unmatched(summary: Correction, game: str) -> Comparison | None:
    match = summary.findings.match(game)
    if match.matched:
        return None
    if match.gap is None:
        return Comparison(game, reason=f"no two exploiters of {game} whose ER could be matched")
    gap = f"{match.gap:+.2f}".replace("-", "\N{MINUS SIGN}")
    return Comparison(game, reason=f"the two exploiters of {game} differ by {gap} before they are corrected")


def steps_to_cure(summary: Correction) -> list[Comparison]:
    """Steps by the patched rule until ER stays at 5 % or less, RL-trained minus SFT-trained, where both began alike."""
    return [_unmatched(summary, game) or _steps_to_cure(summary, game) for game in summary.plan.games]


def _steps_to_cure(summary: Correction, game: str) -> Comparison:
    taken: dict[Origin, Side] = {}
    cured: list[int | None] = []
    for origin in EXPLOITERS:
        cell = summary[Key(game, origin, "patched rule")]
        recovery = summary.findings.recovery(game, origin, "patched rule")
        taken[origin] = steps(recovery.cured_step, cell.each, 1)
        cured += recovery.cured_step
    if all(step is None for step in cured):
        return Comparison(game, reason=f"neither exploiter of {game} is cured within the steps")
    return whole(game, [paired(NAMES["sft"], taken["rl"], taken["sft"])])


def relapse(summary: Correction) -> list[Comparison]:
    """How much sooner a cured exploiter comes to dominate again than a fresh policy, and one that never exploited."""
    return [_relapse(summary, game, origin) for game in summary.plan.games for origin in EXPLOITERS]


def _relapse(summary: Correction, game: str, origin: Origin) -> Comparison:
    label = f"{game}, {NAMES[origin]}"
    method = summary.findings.relapse_after.get(game)
    if method is None or not all(summary.findings.recovery(game, origin, method).cured):
        return Comparison(label, reason=f"the exploiter of {label} was not cured in every seed, so it cannot relapse")
    controls = {
        "the first time": summary[Key(game, "fresh", "relapse")],
        "never exploited": summary[Key(game, "never", "relapse")],
    }
    return sooner(label, summary[Key(game, origin, "relapse")], controls)


FIGURES = (
    "ER left, RL- against SFT-trained: 31.1 % and 46.7 % (compliance, Qwen3-4B-Base), 100 % and 100 % (tampering, the "
    "same), 40.5 % and 0 % (self-grading, Llama)"
)
CLAIMS = (
    Claim(
        "harder-to-correct", "RQ2",
        (
            Variant(
                "v1", "Exploits that came from RL leave more behind after correction than those from SFT.", MOST,
                f"it says that they are harder to unlearn; {FIGURES}",
            ),
            Variant(
                "v2", "In several comparisons, those from RL leave more behind after correction.", SEVERAL,
                f"it says that in several comparisons they are more resistant; {FIGURES}",
            ),
        ),
        "correction", "ER left by the patched rule, RL-trained minus SFT-trained", Above(GAP), residual,
    ),
    Claim(
        "longer-to-correct", "RQ2",
        (
            Variant(
                "v1", "Exploits that came from RL take longer to correct than those from SFT.", MOST,
                "it says that they are harder to unlearn; the time it takes is our reading of that",
            ),
            Variant(
                "v2", "In several comparisons, those from RL take longer to correct.", SEVERAL,
                "it says that in several comparisons they are more resistant; the time it takes is our reading of that",
            ),
        ),
        "correction", "steps until ER is 5 % for good, RL-trained minus SFT-trained", STEPS, steps_to_cure,
    ),
    Claim(
        "relapse", "ours",
        (Variant(OURS, "A corrected exploit comes back sooner than it came the first time.", MOST),),
        "correction", "steps to domination, fresh and never-exploited minus cured", STEPS, relapse,
    ),
)  # fmt: skip
