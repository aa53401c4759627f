"""What the documents name is in the repository: a figure whose script is somewhere else cannot be checked."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
MEASURED = [ROOT / "CHANGELOG.md", ROOT / "README.md", ROOT / "docs" / "log.md", ROOT / "docs" / "results.md"]
"""Documents with figures; those that say how to add something name files that are not there yet."""
PLACES = (ROOT, ROOT / "src" / "vulngames", ROOT / "src" / "vulngames" / "sandbox")
"""Where a path that a document names begins."""
READERS_OWN = {"reward.py", "FILE.py"}


def named(text: str) -> set[str]:
    """Files of code that stand in backticks, alone or within a command."""
    quoted = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    words: set[str] = set()
    for span in re.findall(r"`([^`]+)`", quoted):
        words |= {word for word in re.split(r"[\s:]+", span) if word.endswith((".py", ".sh", ".ipynb"))}
    return words


def is_there(name: str) -> bool:
    name = name.replace("NAME", "*")
    if "/" not in name:
        return any(ROOT.glob(f"src/**/{name}")) or (ROOT / "tests" / name).exists()
    return not name.startswith("/") and any(any(place.glob(name)) for place in PLACES)


@pytest.mark.parametrize("document", MEASURED, ids=lambda path: path.name)
def test_the_code_that_a_document_names_is_there(document: Path) -> None:
    names = named(document.read_text())
    assert sorted(name for name in names - READERS_OWN if not is_there(name)) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_names_a_place_that_is_one_machines_own(document: Path) -> None:
    assert re.findall(r"(?<![\w/])/(?:tmp|home|work|root)/\S+", document.read_text()) == []


def test_what_is_not_there_is_found() -> None:
    text = "by `python /tmp/count.py 3` and `benchmarks/help.py`, `nowhere.py`;\n```\nshown.py\n```"
    assert sorted(name for name in named(text) if not is_there(name)) == ["/tmp/count.py", "nowhere.py"]
