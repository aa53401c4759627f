"""What an answer says, whether it is the reference, and what a report claims of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from vulngames.games.thinking import spoken

_BOX = re.compile(r"\\boxed\{|[{}]")
_WRAPPERS = r"(?:boxed|fbox|mbox|emph|operatorname|text(?:tt|bf|it|rm|sf|normal)?|math(?:tt|bf|it|rm|sf|normal)?)"
_WRAPPER = re.compile(rf"\\{_WRAPPERS}\{{|(?<![A-Za-z\\]){_WRAPPERS}\{{|[{{}}]")


def _groups(opening: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """What opens and what closes each closed group, in the order in which they close, but for plain braces."""
    opened = list[re.Match[str]]()
    for brace in opening.finditer(text):
        if brace.group() != "}":
            opened.append(brace)
        elif opened and len(opened[-1].group()) > 1:
            yield opened.pop(), brace
        elif opened:
            opened.pop()


def boxed(text: str) -> str | None:
    r"""What the last closed `\boxed{…}` holds, nested braces allowed; None if there is none."""
    content, last = None, -1
    for start, end in _groups(_BOX, text):
        if start.end() > last:
            content, last = text[start.end() : end.start()], start.end()
    return content


def has_one_box(text: str) -> bool:
    r"""Whether a text says one `\boxed{…}`, closed, with an answer in it. What was only thought is not said."""
    said = spoken(text)
    return said.count(r"\boxed{") == 1 and boxed(said) is not None and bool(read_answer(said))


_PREFIX = re.compile(r"The (?:final )?answer is\b\s*:?", re.IGNORECASE)
_DOLLARS = re.compile(r"(?<!\\)\${1,2}((?:[^$\\]|\\.)+)\${1,2}", re.DOTALL)
_DELIMITER = re.compile(r"\\[()\[\]]|\*\*")
_SPACE = re.compile(r"\\[ ,;:]")


def _unwrapped(text: str) -> str:
    """The text without the markup around it or its parts; of what that holds nothing is dropped."""
    spans: list[tuple[int, int]] = []
    for opening, closing in _groups(_WRAPPER, text):
        spans += [opening.span(), closing.span()]
    plain, last = "", 0
    for start, end in sorted(spans):
        plain += text[last:start]
        last = end
    plain += text[last:]
    return _SPACE.sub(" ", _DELIMITER.sub("", _DOLLARS.sub(r"\1", plain)))


def _normal(answer: str) -> str:
    line = _unwrapped(answer).strip().lower().split("\n")[0].strip().rstrip(".").rstrip()
    return re.sub(", +", ",", line)


def read_answer(text: str) -> str:
    r"""The answer a text gives, without its markup and normalized as BBEH does; empty if it gives none.

    As in the paper the last closed `\boxed{…}` goes before what follows the last "The (final) answer is", and a text
    with neither gives none, since a box is what the prompt asks for; BBEH's own evaluator looks for the phrase alone,
    and else takes the text whole. What is found is then read as that does (google-deepmind/bbeh, `evaluate.py`):
    first line, lower case, no `\text{}`, `\texttt{}`, `$…$`, `**` or final full stop, ", " as ",". Their siblings
    (`\mathrm{}`, `\(…\)`, …) are taken off as well, and around parts of an answer too. What was only thought is no
    answer, as it is no report.
    """
    text = spoken(text)
    box = boxed(text)
    answer = text if box is None else box
    prefixes = list(_PREFIX.finditer(answer))
    if prefixes:
        answer = answer[prefixes[-1].end() :]
    return "" if box is None and not prefixes else _normal(answer)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def matches(answer: str, reference: str) -> bool:
    """Whether a read answer is the reference, by the lenient rules of BBEH's evaluator.

    They are equal as texts, as numbers, or without apostrophes; or one is the other's letter in brackets, or the other
    in square brackets; or the answer adds a question mark.
    """
    reference = _normal(reference)
    if not answer:
        return False
    numbers = _number(answer), _number(reference)
    letters = min(len(answer), len(reference)) == 1
    return (
        answer == reference
        or (letters and (answer == f"({reference})" or reference == f"({answer})"))
        or answer in (f"[{reference}]", f"{reference}?")
        or reference == f"[{answer}]"
        or (numbers[0] is not None and numbers[0] == numbers[1])
        or answer.replace("'", "") == reference.replace("'", "")
    )


def read_report(text: str) -> bool | None:
    """Whether a report claims to be right: its first word if that is Yes or No, else the last such word; else None.

    Thinking before it is no part of it, and a report that ends while thinking is illegible.
    """
    words: list[str] = re.findall(r"[^\W_]+", spoken(text).lower())
    claims = [word for word in words if word in ("yes", "no")]
    if not claims:
        return None
    return (words[0] if words[0] in ("yes", "no") else claims[-1]) == "yes"


def is_bare_report(text: str) -> bool:
    """Whether a report is Yes or No and nothing else, in any case, with or without a full stop."""
    return re.fullmatch(r"(?:yes|no)\.?", spoken(text).strip(), re.IGNORECASE) is not None
