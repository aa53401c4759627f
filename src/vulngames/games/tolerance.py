"""The error that a problem's statement allows in an answer, read from its words.

Contests word it much alike: a sentence about the error, absolute or relative, that an answer may have (AtCoder,
Codeforces), or about answers that are accepted within so much of the true one (LeetCode); the number is a power of ten
in one of many spellings, of which "10-5" for 10^-5 is what a lost exponent leaves.
"""

import re
from collections.abc import Sequence

_CHARACTERS = str.maketrans(
    {
        "’": "'",
        "−": "-",
        "–": "-",
        "⁻": "^-",
        **dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True)),
        **dict.fromkeys("$`{}()"),
    }
)
_AT_MOST = re.compile(r"\\(?:le|leq|leqslant|lt)\b|≤|⩽|&lt;=?|<=?(?!/?sup)")
_MARKUP = re.compile(r"\\(?:,|text|mathrm|left|right|displaystyle)?|</?sup>|(?<![0-9])\*\*")
# Not at the end of a line alone, which may stand anywhere in a sentence.
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n\s*\n")
# What a sentence must speak of: the error, or what is accepted, of the answer.
_OWN_ERROR = (
    r"\b(?:absolute|relative)\b",
    r"\berrors?\b",
    r"answer|output|print|result|solution|accept|correct|judge|allow|permit|tolera",
)
_ACCEPTED = (
    r"accept|considered|correct|judge|jury|allow|permit|tolera|ignore|must|should",
    r"\b(?:your|answers?|outputs?)\b",
    r"error|within|toleran|precision|accuracy|differ|deviat|off by",
)
_BOUND = re.compile(
    r"""
    \b(?: at\ most | up\ to | within | (?:not|never|[a-z]+n't)\ exceed(?:s|ing)? | exceeds
        | (?:less|smaller|lower)\ than
        | (?:no|not)\ (?:more|greater|larger|bigger|worse)\ than | below | under | by
        | (?:errors?|tolerance|precision|accuracy)(?:\ (?:of|is|be))? )
    (?:\ or\ equal\ to )? \s* (?:
        (?: (?P<factor>[0-9]+(?:\.[0-9]+)?) \s* (?:times|cdot|[x*×·]) \s* )?
        10 \s* (?:\^|\*\*)? \s* - \s* (?P<power>[0-9]{1,2})
        | (?P<plain>[0-9](?:\.[0-9]*)?e-[0-9]{1,2} | 0?\.[0-9]+)
    ) (?![0-9]|\.[0-9]|\s*%)
    """,
    re.IGNORECASE | re.VERBOSE,
)

# What is larger is a quantity of the problem's own.
_MOST = 0.1


def read_tolerance(statement: str) -> dict[str, float] | None:
    """The `absolute` and the `relative` error that are allowed, either being enough, each above 0 and at most 0.1.

    An error of which the statement does not say which it is, is absolute; of several that it states the smallest
    counts. None if it allows none: digits to print, or to round to, are no such error.
    """
    text = _MARKUP.sub("", _AT_MOST.sub(" at most ", statement)).translate(_CHARACTERS)
    allowed: dict[str, float] = {}
    for sentence in _SENTENCE.split(text):
        if not (_speaks_of(_OWN_ERROR, sentence) or _speaks_of(_ACCEPTED, sentence)):
            continue
        end = 0
        for bound in _BOUND.finditer(sentence):
            names = _names(sentence[end : bound.end()]) or _names(sentence) or ["absolute"]
            end, value = bound.end(), _value(bound)
            for name in names if 0 < value <= _MOST else ():
                allowed[name] = min(value, allowed.get(name, value))
    return allowed or None


def _speaks_of(words: Sequence[str], sentence: str) -> bool:
    return all(re.search(word, sentence, re.IGNORECASE) for word in words)


def _names(words: str) -> list[str]:
    return [name for name in ("absolute", "relative") if name in words.lower()]


def _value(bound: re.Match[str]) -> float:
    if bound["plain"]:
        return float(bound["plain"])
    return float(f"{bound['factor'] or 1}e-{bound['power']}")
