"""What the starter code of a problem asks for."""

import re
from collections.abc import Iterator
from textwrap import dedent

_TEXT = re.compile(r"\"\"\".*?\"\"\"|'''.*?'''", re.DOTALL)
_DEFINITION = re.compile(r"([ \t]*)(?:async[ \t]+)?(class|def)[ \t]+(\w+)")


def entry_point(starter_code: str) -> str:
    """Return what starter code asks for: "Solution.method", wherever that class stands; for want of it a function, or
    the method of another class, as "Class.method".

    It is the first there is whose name has no leading underscore, and if need be with one, such as `__init__` aside.
    Starter code usually lacks its bodies and does not parse, so only lines that open a definition are read. Raises
    ValueError if there is none.
    """
    definitions = list(_definitions(starter_code))
    for wanted in ("Solution", "", None):
        names = [(owner, name) for owner, name in definitions if wanted in (owner, None)]
        for owner, name in sorted(names, key=lambda pair: pair[1].startswith("_")):
            return f"{owner}.{name}" if owner else name
    raise ValueError(f"no function or method in the starter code {starter_code[:80]!r}")


def _definitions(starter_code: str) -> Iterator[tuple[str, str]]:
    """Each function with "", and each method with its class, but what stands within another definition."""
    # What is still open: how far it is indented, and its class, or None for what is not at the top.
    opened: list[tuple[int, str | None]] = []
    for line in dedent(_TEXT.sub("", starter_code)).splitlines():
        opening = _DEFINITION.match(line)
        if opening is None:
            continue
        indent, keyword, name = len(opening[1].expandtabs()), opening[2], opening[3]
        while opened and opened[-1][0] >= indent:
            opened.pop()
        owner = opened[-1][1] if opened else ""
        if keyword == "def" and owner is not None and not re.fullmatch(r"__\w+__", name):
            yield owner, name
        opened.append((indent, name if keyword == "class" and not opened else None))
