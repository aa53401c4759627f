"""Code is read more often than it is written: where there are two loops in one expression, there is a name missing."""

import ast
from pathlib import Path

import vulngames

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def is_compound(node: ast.AST) -> bool:
    """Whether it is a comprehension with two loops, or one within another."""
    if not isinstance(node, COMPREHENSIONS):
        return False
    within = (inner for inner in ast.walk(node) if inner is not node)
    return len(node.generators) > 1 or any(isinstance(inner, COMPREHENSIONS) for inner in within)


def test_at_most_one_comprehension_in_a_thousand_lines_is_compound() -> None:
    lines, compound = 0, []
    for file in Path(vulngames.__file__).parent.rglob("*.py"):
        text = file.read_text()
        lines += text.count("\n")
        compound += [f"{file}:{node.lineno}" for node in ast.walk(ast.parse(text)) if is_compound(node)]  # type: ignore[attr-defined]
    assert len(compound) <= lines / 1000, "\n".join(compound)
