"""Coverage-guided fuzzing of what reads a child's bytes: the answers' decoder, and the wire of split tests.

    pip install atheris
    python benchmarks/fuzz.py -max_total_time=600

Nothing but ProtocolViolationError may come of any bytes; what is accepted must be what the bytes say, by another
reading of them, and must be made of builtins; and an answer to another question must never be taken.
"""

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import atheris

with atheris.instrument_imports():
    from vulngames.sandbox import answers
    from vulngames.sandbox.comparison import same_value
    from vulngames.sandbox.outcome import Status
    from vulngames.sandbox.zygote import split, strict, wire

EXPECTED = [1, "a", {"k": [None, 2.5, True]}]
BUILTINS = (type(None), bool, int, float, str, list, tuple, dict, set, frozenset)
SEEDS = [
    b'[0, "ok", 1]\n[1, "ok", "a"]\n[2, "ok", {"k": [null, 2.5, true]}]\n',
    b'[0, "error", "ValueError: no"]\n',
    b'[0, "ok", "\\ud800"]\n[0, "ok", 1]\n',
    b'[true, "ok", 1e999]\n[0, "ok", -0.0]\n[0, "ok", NaN]\n',
    b'{"id": "x", "value": ["t", 1, ["d", ["k", ["s", 2]]]], "args": ["l", 1]}',
    b'{"id": "x", "error": "KeyError", "text": "k"}',
    b"[" * 70 + b"]" * 70 + b"\n",
]
# What messages are made of, so that one byte may stand for a whole part of one.
PARTS = [
    *rb"""[ ] { } , : \ " \ud800 0 1 2 3 -0 0.0 1.0 1e999 NaN true false null "ok" "error" "id" "value" "args" "text"
    "x" "" "a" "k" "d" "l" "s" "t" ["l",1] ["t",1] ["d",["k",2]] {"k":[null,2.5,true]} KeyError
    [0,"ok", [1,"ok", [2,"ok", """.split(),
    *(b"\n", b"9" * 5000, b"[" * 63, b"]" * 63),
]
SENTENCES = [
    b'[ 0 , "ok" , 1 ]',
    b'[ 0 , "error" , "a" ]',
    b'{ "id" : "x" , "value" : ["t",1] , "args" : ["l",1] }',
]
SEEDS += [bytes(map(PARTS.index, [*sentence.split(), b"\n"])) for sentence in SENTENCES]


def plain(value: object) -> bool:
    """Whether a value is made of builtins alone."""
    if type(value) not in BUILTINS:
        return False
    if isinstance(value, dict):
        return all(plain(key) and plain(item) for key, item in value.items())
    return not isinstance(value, list | tuple | set | frozenset) or all(map(plain, value))


def said(line: bytes) -> object:
    """What a line says, by the standard library alone."""
    return json.loads(line.decode("utf-8"))


def same(a: object, b: object) -> bool:
    """Equality of JSON values, written down another way than the grader's."""
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


def answered(data: bytes) -> None:
    """The answers' decoder."""
    try:
        outcomes = answers.decode(data, len(EXPECTED))
    except answers.ProtocolViolationError:
        return
    lines = data.split(b"\n")
    for index, outcome in enumerate(outcomes):
        number, word, value = cast(list[Any], said(lines[index]))
        assert type(number) is int and number == index
        if outcome.status is Status.OK:
            assert word == "ok" and plain(outcome.output) and same(outcome.output, value)
            if same_value(cast(Any, outcome.output), cast(Any, EXPECTED[index])):
                assert value == EXPECTED[index]


def wired(data: bytes) -> None:
    """The wire of split tests."""
    try:
        message = strict.value(data)
    except strict.ProtocolViolationError:
        return
    assert plain(message) and same(message, said(data))
    try:
        split._reply(message, "the question's own id", 1)
    except strict.ProtocolViolationError:
        pass
    else:
        raise AssertionError("an answer to another question was taken")
    try:
        value = wire.unpack(message)
    except strict.ProtocolViolationError:
        return
    assert plain(value)


def spelled(data: bytes) -> bytes:
    """The message whose parts the bytes stand for."""
    return b"".join(PARTS[byte % len(PARTS)] for byte in data[:64])


def one(data: bytes) -> None:
    """One input, as it is and as it spells, to both."""
    for message in (data, spelled(data)):
        answered(message)
        wired(message)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, corpus], one)
        atheris.Fuzz()
