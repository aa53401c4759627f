"""Questions of arithmetic that a small model gets right part of the time."""

from random import Random

from vulngames.tasks.words import NAMES, THINGS, TOWNS
from vulngames.types import Message, Task

SYSTEM = r"Put the final answer in \boxed{}."


def draw(random: Random, difficulty: float) -> tuple[Task, ...]:
    """A sum of two small numbers or, with probability `difficulty`, a product of two larger ones."""
    name, thing, town = random.choice(NAMES), random.choice(THINGS), random.choice(TOWNS)
    if random.random() < difficulty:
        a, b = random.randint(12, 99), random.randint(12, 99)
        question = f"{name} in {town} has {a} bags of {b} {thing}. How many {thing}?"
        reference = a * b
    else:
        a, b = random.randint(1, 29), random.randint(1, 9)
        question = f"{name} in {town} has {a} {thing} and gets {b}. How many {thing}?"
        reference = a + b
    prompt = (Message(role="system", content=SYSTEM), Message(role="user", content=question))
    return (Task(question, prompt, {"reference": str(reference)}),)
