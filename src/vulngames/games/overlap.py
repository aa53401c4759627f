"""How much of one text is another: word overlaps, the same whatever else is installed."""

import re
from collections import Counter
from functools import lru_cache
from threading import Lock

import snowballstemmer
from rapidfuzz.distance import Indel, LCSseq

_PORTER = snowballstemmer.stemmer("porter")
_ONE_AT_A_TIME = Lock()
_WORD = re.compile(r"[a-z0-9]+")


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    # As in the common ROUGE implementation, which leaves words of up to three letters alone.
    if len(word) <= 3:
        return word
    # The stemmer keeps the word it works on, and rewards are called from threads.
    with _ONE_AT_A_TIME:
        return str(_PORTER.stemWord(word))


def stems(text: str) -> list[str]:
    """Lower-cased, stemmed runs of ASCII letters and digits."""
    return [_stem(word) for word in _WORD.findall(text.lower())]


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
    """Sentence BLEU-4 in [0, 1] by sacrebleu, with orders no longer than the text."""
    from sacrebleu.metrics import BLEU

    if not text.strip() or not source.strip():
        return 0.0
    return BLEU(effective_order=True).sentence_score(text, [source]).score / 100


def composite(text: str, source: str) -> float:
    """The overlap the seed paper evaluates with: 0.5·(0.7·ROUGE-1 + 0.3·ROUGE-L) + 0.5·BLEU, in [0, 1]."""
    rouge = 0.7 * rouge_1(text, source) + 0.3 * rouge_l(text, source)
    return min(1.0, 0.5 * rouge + 0.5 * bleu(text, source))
