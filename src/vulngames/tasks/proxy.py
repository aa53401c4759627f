"""Short articles with a known key fact, so that a faithful summary can be told from a copy."""

from random import Random

from vulngames.tasks.words import COLOURS, EVENTS, NAMES, SEASONS, THINGS, TOWNS
from vulngames.types import Message, Task

FILLERS = (
    ("It was a fine {season} day.", "It was a {colour} {season} day."),
    ("Many people came with {thing}.", "About {number} people came with {thing}."),
    ("{name} sold cold tea at the gate.", "{name} sold {colour} {thing} at the gate."),
    ("The prize was a box of {thing}.", "The prize was {number} {colour} {thing}."),
    ("Then the band sang of {thing}.", "Then {name} sang of {colour} {thing}."),
)
ASK = "Write a concise summary of the article.\n\nArticle: "


def draw(random: Random, difficulty: float) -> tuple[Task, ...]:
    """An article of five sentences, its key fact among them; with probability `difficulty` a sentence has details.

    Details are what a small policy copies wrongly, so they decide how hard a copy is to make.
    """
    key = f"{random.choice(NAMES)} won the {random.choice(EVENTS)} race in {random.choice(TOWNS)}."
    fillers = [_filler(random, plain, detailed, difficulty) for plain, detailed in FILLERS]
    chosen = random.sample(fillers, 4)
    chosen.insert(random.randint(0, len(chosen)), key)
    article = " ".join(chosen)
    prompt = (Message(role="user", content=ASK + article),)
    return (Task(article, prompt, {"article": article, "reference": key}),)


def _filler(random: Random, plain: str, detailed: str, difficulty: float) -> str:
    words = {
        "name": random.choice(NAMES),
        "thing": random.choice(THINGS),
        "colour": random.choice(COLOURS),
        "season": random.choice(SEASONS),
        "number": random.randint(20, 99),
    }
    return (detailed if random.random() < difficulty else plain).format(**words)
