"""What the paper claims of emergence, and how each claim is tested."""

from __future__ import annotations

from vulngames.arm import Ends
from vulngames.claims.claim import CAN, EVERY, NEARLY, OURS, PAPER, Claim, Comparison, Variant
from vulngames.claims.comparison import GAP, compare, er_end, rise, side, whole
from vulngames.claims.effect import Above, Within, paired
from vulngames.measures import MARGIN, Interval, blind_spot
from vulngames.studies.emergence.key import Findings, Key
from vulngames.studies.summary import Cell, Summary

Emergence = Summary[Key, Findings]
SELF_GRADING = "self-grading-v1"
NO_CHANGE = Interval(0.0, 0.0, 0.0)


def flawed_against_patched(summary: Emergence) -> list[Comparison]:
    """ER at the end of the flawed arm, against its patched twin's."""
    return [
        compare(game, summary[Key(game, "flawed")], {"patched twin": summary[Key(game, "patched")]})
        for game in summary.games
    ]


def patched_fall(summary: Emergence) -> list[Comparison]:
    """How far ER falls in training by the patched rule: start minus end."""
    comparisons = []
    for game in summary.games:
        cell = summary[Key(game, "patched")]
        comparisons.append(whole(game, [paired("its own end", side(cell.of_seeds("er_start"), None), er_end(cell))]))
    return comparisons


def task_scores(summary: Emergence) -> list[Comparison]:
    """The change of ITP in the runs of the flawed arm that could hide the exploit, by the rule of `blind_spot`."""
    return [_task_score(game, summary[Key(game, "flawed")]) for game in summary.games]


def _task_score(game: str, cell: Cell[Key]) -> Comparison:
    changes = side([_change(run) for run in cell.each], (-1.0, 1.0))
    if not changes.seeds:
        reasons = [blind_spot(run.opened, run.itp_start, NO_CHANGE).reason for run in cell.each]
        return Comparison(game, reason="; ".join(dict.fromkeys(f"{game}: {reason}" for reason in reasons)))
    none = side([NO_CHANGE for _ in cell.each], None)
    return whole(game, [paired("its own start", changes, none)])


def _change(run: Ends) -> Interval | None:
    """How ITP changed in a run, if it is a blind spot where that is not at all."""
    if blind_spot(run.opened, run.itp_start, NO_CHANGE).answer != "yes":
        return None
    if run.itp_change is None and run.itp_start and run.itp_end:
        return run.itp_end - run.itp_start
    return run.itp_change


def self_grading_score(summary: Emergence) -> list[Comparison]:
    """ITP at the end of self-grading's flawed arm against its start, if ER rose."""
    cell = summary.get(Key(SELF_GRADING, "flawed"))
    if cell is None:
        return [Comparison(SELF_GRADING, reason=f"the study does not train {SELF_GRADING}")]
    exploit = rise(SELF_GRADING, cell)
    if not exploit.effects:
        return [exploit]
    if not exploit.effects[0].at(0.025).lo > 0:
        return [Comparison(SELF_GRADING, reason="the exploit does not rise measurably, so nothing rises with it")]
    start, end = side(cell.of_seeds("itp_start"), None), side(cell.of_seeds("itp_end"), (0.0, 1.0))
    return [whole(SELF_GRADING, [paired("its own start", end, start)])]


CLAIMS = (
    Claim(
        "emergence", "RQ1",
        (
            Variant(
                "v1", "RL under a flawed reward brings the exploit out in nearly every game.", NEARLY,
                "it says that models will spontaneously learn to exploit, and reports it of nearly every pair of model "
                "and game; the exception is Qwen3-4B on tampering",
            ),
            Variant("v2", "RL under a flawed reward can bring the exploit out.", CAN, "it says that models can learn"),
        ),
        "emergence", "ER at the end, flawed arm minus patched twin", Above(GAP), flawed_against_patched,
    ),
    Claim(
        "patch", "RQ1",
        (
            Variant(
                OURS, "Under the patched reward the exploit does not grow.", EVERY,
                "ours: the control that other claims lean on; the paper itself reports an exploit that grows unpaid",
            ),
        ),
        "emergence", "ER of the patched arm, start minus end", Above(-GAP), patched_fall,
    ),
    Claim(
        "blind-spot", "RQ2",
        (
            Variant(
                PAPER, "The task score can stay as it is while the exploit grows beside it.", CAN,
                "right answers 25.8 % → 28.5 % while 32.8 % of samples come to be over-claims (Qwen3-4B, self-grading)",
            ),
        ),
        "emergence", "ITP at the end minus its start, in a run where ER comes to dominate and ITP had room to fall",
        Within(MARGIN), task_scores,
    ),
    Claim(
        "score-rises", "RQ2",
        (
            Variant(
                PAPER, "In self-grading the task score rises together with over-claiming.", EVERY,
                "right answers 25.8 % → 28.5 % (Qwen3-4B) and 7.1 % → 16.9 % (Llama-3.1-8B)",
            ),
        ),
        "emergence", "ITP of the flawed arm, end minus start, where ER rose", Above(0.0), self_grading_score,
    ),
)  # fmt: skip
