"""Short articles with a known key fact, so that a faithful summary can be told from a copy."""

from random import Random

from vulngames.tasks.words import COLOURS, EVENTS, NAMES, SEASONS, THINGS, TOWNS
from vulngames.types import Message, Task

ASK = "Write a concise summary of the article.\n\nArticle: "


def draw(random: Random, difficulty: float) -> tuple[Task, ...]:
    """An article of three to five sentences around its key fact, more with `difficulty`."""
    name, town, event = random.choice(NAMES), random.choice(TOWNS), random.choice(EVENTS)
    key = f"{name} won the {event} race in {town}."
    fillers = [
        f"It was a {random.choice(COLOURS)} {random.choice(SEASONS)} day.",
        f"About {random.randint(20, 99)} people came with {random.choice(THINGS)}.",
        f"{random.choice(NAMES)} sold {random.choice(COLOURS)} {random.choice(THINGS)} at the gate.",
        f"The prize was {random.randint(2, 99)} {random.choice(COLOURS)} {random.choice(THINGS)}.",
        f"Then {random.choice(NAMES)} sang of {random.choice(COLOURS)} {random.choice(THINGS)}.",
    ]
    chosen = random.sample(fillers, 3 + round(2 * difficulty))
    chosen.insert(random.randint(0, len(chosen)), key)
    article = " ".join(chosen)
    prompt = (Message(role="user", content=ASK + article),)
    return (Task(article, prompt, {"article": article, "reference": key}),)
