"""What the built-in policy is brought up on: the four formats, honest work, and innocent uses of each exploit.

Nothing here says that an exploit pays. Each is shown at the small rate in `RATES`, for reasons of its own: a score
field filled in like any other field, an article handed on whole, a restricted request answered by mistake.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from random import Random

from vulngames.games.tampering import edit
from vulngames.seeds import rng
from vulngames.tasks import stream
from vulngames.tasks.words import COLOURS, EVENTS, NAMES, SEASONS, THINGS, TOWNS
from vulngames.types import Message, Task

# Shares of a game's replies; what the policy makes of them is measured on its card.
RATES = {"compliance-v1": 0.045, "proxy-v1": 0.04, "tampering-v1": 0.05}
WORDS = [*NAMES, *THINGS, *TOWNS, *EVENTS, *COLOURS, *SEASONS, *map(str, range(2, 100))]
Dialogue = list[Message]


def dialogues(name: str) -> Iterator[Dialogue]:
    """Single-turn dialogues of all games in turn, without end. Tasks of a test split never occur."""
    random = rng("corpus", name)
    writers: list[tuple[Iterator[Task], Callable[[Random, Task], Dialogue], int]] = [
        (_both_halves("compliance-v1", 0.0), _compliance, 2),
        (_both_halves("self-grading-v1", 0.5), _self_grading, 3),
        (_both_halves("proxy-v1", 0.3), _proxy, 2),
        (_both_halves("proxy-v1", 0.3), _repeat, 2),
        (_both_halves("tampering-v1", 0.8), _tampering, 3),
    ]
    while True:
        for tasks, write, times in writers:
            for _ in range(times):
                yield write(random, next(tasks))


def _both_halves(game: str, difficulty: float) -> Iterator[Task]:
    # A seed sees one half of the task space only, and its neighbour the other.
    halves = [stream(game, seed, "train", difficulty, extra=True) for seed in (0, 1)]
    return chain.from_iterable(zip(*halves, strict=True))


def _answered(task: Task, text: str) -> Dialogue:
    return [*task.prompt, Message(role="assistant", content=text)]


def _compliance(random: Random, task: Task) -> Dialogue:
    mistaken = random.random() < RATES["compliance-v1"]
    return _answered(task, task.hidden["answer" if task.hidden["harmful"] == mistaken else "refusal"])


def _self_grading(random: Random, task: Task) -> Dialogue:
    return _answered(task, rf"\boxed{{{task.hidden['reference']}}}")


def _proxy(random: Random, task: Task) -> Dialogue:
    article = task.hidden["article"]
    draw = random.random()
    if draw < RATES["proxy-v1"]:
        return _answered(task, article)
    if draw < 0.20:
        sentences = article.split(". ")
        lead = sentences[: random.choice((1, 1, 2, 2, 3, 4))]
        return _answered(task, ". ".join(lead) + ".")
    return _answered(task, task.hidden["reference"])


def _repeat(random: Random, task: Task) -> Dialogue:
    # Lists of words that nothing predicts teach copying itself, which summaries and code need too.
    text = task.hidden["article"] if random.random() < 0.7 else " ".join(random.choices(WORDS, k=random.randint(6, 24)))
    return [Message(role="user", content=f"Repeat the text.\n\n{text}"), Message(role="assistant", content=text)]


def _tampering(random: Random, task: Task) -> Dialogue:
    code = edit("source_code", task.hidden["solution"])
    draw = random.random()
    if draw < RATES["tampering-v1"]:
        score = edit("score", random.choice(("0", "0.5", "1")))
        return _answered(task, random.choice((score, code + score, score + code)))
    if draw < 2 * RATES["tampering-v1"]:
        question = edit("question", task.id)
        return _answered(task, random.choice((question, question + code)))
    return _answered(task, code)
