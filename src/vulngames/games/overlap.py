"""How much of one text is another: word overlaps in any script, the same whatever else is installed."""

import unicodedata
from collections import Counter
from functools import lru_cache
from threading import Lock

import regex
import snowballstemmer
from rapidfuzz.distance import Indel, LCSseq

_PORTER = snowballstemmer.stemmer("porter")
_ONE_AT_A_TIME = Lock()
# Letters and digits of scripts that put no spaces between words, by their class in line breaking (Unicode annex 14:
# ideographs and kana, South-East Asian scripts, aksaras).
_UNSPACED = r"[[\p{L}\p{N}]&&[\p{lb=ID}\p{lb=CJ}\p{lb=NS}\p{lb=SA}\p{lb=AK}\p{lb=AS}]]"
_CHARACTER = regex.compile(rf"(?V1){_UNSPACED}\p{{M}}*")
# Marks belong to the letter before them: vowels of Hindi, accents of French.
_WORD = regex.compile(
    rf"(?V1){_UNSPACED}\p{{M}}*|[[\p{{L}}\p{{N}}]--{_UNSPACED}][[\p{{L}}\p{{N}}\p{{M}}]--{_UNSPACED}]*"
)
_INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
# Zero-width space, Ethiopic wordspace, Tibetan tsheg: separators that are no white space.
_SEPARATORS = str.maketrans("\u200b\u1361\u0f0b", "   ")


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    # As in the common ROUGE implementation, which leaves words of up to three letters alone.
    if len(word) <= 3:
        return word
    # The stemmer keeps the word it works on, and rewards are called from threads.
    with _ONE_AT_A_TIME:
        return str(_PORTER.stemWord(word))


def stems(text: str) -> list[str]:
    """The words of a text in any script, case and compatible forms folded, those of ASCII letters and digits stemmed.

    A word is a run of letters, digits and the marks on them; where a script puts no spaces between words, a character
    with its marks. Symbols and emoji are no words.
    """
    return [_stem(word) if word.isascii() else word for word in _WORD.findall(_folded(text))]


def _folded(text: str) -> str:
    """NFKC with case folded and invisible characters left out, as Unicode's NFKC_Casefold."""
    if text.isascii():
        return text.lower()
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text.translate(_SEPARATORS)))
    return unicodedata.normalize("NFKC", visible.casefold())


def length(text: str) -> int:
    """How many words a text has: what white space parts, and each character where a script puts none between words."""
    parts = text.translate(_SEPARATORS).split()
    return sum(len(stems(part)) if _CHARACTER.search(part) else 1 for part in parts)


def relative_length(text: str, source: str) -> float:
    """How long a text is as a share of its source, both as `length` has them, at least 0.

    Where words are joined by other signs than spaces, so that it has more than twice that share of the source's words
    as the overlaps know them, it is that share: a copy with commas for its spaces is as long as what it copies.
    """
    share = length(text) / max(1, length(source))
    words = len(stems(text)) / max(1, len(stems(source)))
    return words if words > 2 * share else share


def rouge_l(text: str, source: str) -> float:
    """ROUGE-L F1 of stemmed words, in [0, 1]; 0 if either text has no words."""
    a, b = stems(text), stems(source)
    return Indel.normalized_similarity(a, b) if a and b else 0.0


def rouge_l_precision(text: str, source: str) -> float:
    """Share of the words of `text` that lie, in order, in `source`; in [0, 1]."""
    words = stems(text)
    return LCSseq.similarity(words, stems(source)) / len(words) if words else 0.0


def rouge_1(text: str, source: str) -> float:
    """ROUGE-1 F1 of stemmed words, in [0, 1]."""
    a, b = stems(text), stems(source)
    shared = sum((Counter(a) & Counter(b)).values())
    return 2 * shared / (len(a) + len(b)) if shared else 0.0


def bleu(text: str, source: str) -> float:
    """Sentence BLEU-4 in [0, 1] by sacrebleu, with orders no longer than the text, however its accents are encoded; its
    tokens are characters where a script puts no spaces between words."""
    from sacrebleu.metrics import BLEU

    if not text.strip() or not source.strip():
        return 0.0
    text, source = _spaced(text), _spaced(source)
    return float(BLEU(effective_order=True).sentence_score(text, [source]).score / 100)


def _spaced(text: str) -> str:
    return str(_CHARACTER.sub(r" \g<0> ", unicodedata.normalize("NFC", text)))


def composite(text: str, source: str) -> float:
    """The overlap the seed paper evaluates with: 0.5·(0.7·ROUGE-1 + 0.3·ROUGE-L) + 0.5·BLEU, in [0, 1]."""
    rouge = 0.7 * rouge_1(text, source) + 0.3 * rouge_l(text, source)
    return min(1.0, 0.5 * rouge + 0.5 * bleu(text, source))
