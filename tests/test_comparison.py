"""When an answer is the expected one, as a table: outputs, values, and the error that a problem allows."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulngames.games.tolerance import read_tolerance
from vulngames.sandbox import JSON as JSONValue
from vulngames.sandbox import Tolerance
from vulngames.sandbox.comparison import same_text, same_value

MILLIONTH = Tolerance(absolute=1e-6, relative=1e-6)
BIG = 10**18

# printed, expected, whether right, and whether right where an error of 1e-6 is allowed
TEXTS = [
    ("3", "3", True, True),
    ("", "", True, True),
    ("", "0", False, False),
    # lines and tokens
    ("1\n2\n", "1\n2", True, True),
    ("\n\n 1 \n\t2\n\n", "1\n2", True, True),
    ("1\r\n2\r\n", "1\n2", True, True),
    (" 1  2 3 \n", "1 2 3\n", True, True),
    ("yes   no", "yes no", True, True),
    (" 1\n1 1\n", "1\n1 1", True, True),
    ("1 1 1\n", "1\n1 1", False, False),
    ("1\n\n2", "1\n2", False, False),
    ("1\n2", "1\n2\n3", False, False),
    ("1 2", "1 2 3", False, False),
    ("12", "1 2", False, False),
    ("Yes", "yes", False, False),
    # numbers
    ("0.5", "0.500000000000", True, True),
    ("3.0", "3", True, True),
    ("1e5", "100000", True, True),
    ("+1 -0 .5 1.", "1 0 0.5 1", True, True),
    ("007", "7", True, True),
    ("0.3333333333333333", "0.333333333333333333", False, True),
    ("0.3333343333", "0.3333333333", False, True),
    ("0.3333353333", "0.3333333333", False, False),
    ("60.00001", "60", False, True),
    ("60.0001", "60", False, False),
    ("-1e-7", "0.0", False, True),
    (f"{BIG + 1}", f"{BIG}", False, False),
    (f"{BIG + 1}.0", f"{BIG}.0", False, True),
    ("1000001 0.5", "1000000 0.5", False, False),
    # a line that is no line of numbers, where none may be written otherwise
    ("a 1.0", "a 1", False, True),
    ("case 2: 0.3333333", "case 2: 0.3333334", False, True),
    ("case 3: 0.3333333", "case 2: 0.3333334", False, False),
    # what is no number
    ("nan", "nan", True, True),
    ("nan", "NaN", False, False),
    ("nan", "0.5", False, False),
    ("inf", "1e300", False, False),
    ("inf", "Infinity", False, False),
    ("1_000", "1000", False, False),
    ("0x10", "16", False, False),
    ("\uff11", "1", False, False),
    ("1e", "1", False, False),
    (".", "0", False, False),
    ("1,0", "1.0", False, False),
    ("1e999999999999", "1.0", False, False),
    ("1", "true", False, False),
    ("True", "true", False, False),
]


@pytest.mark.parametrize(("printed", "expected", "right", "near"), TEXTS)
def test_outputs(printed: str, expected: str, right: bool, near: bool) -> None:
    assert (same_text(printed, expected), same_text(printed, expected, MILLIONTH)) == (right, near)


VALUES: list[tuple[Any, str, bool, bool]] = [
    (1, "true", True, True),
    (True, "1", True, True),
    (1.0, "true", True, True),
    (0, "false", True, True),
    (2, "true", False, False),
    (1.0000001, "true", False, False),
    ("true", "true", False, False),
    ("1", "1", False, False),
    (None, "false", False, False),
    (None, "null", True, True),
    ([], "{}", False, False),
    ([1, [True]], "[1.0, [1]]", True, True),
    ([1], "[1, 2]", False, False),
    ({"a": 1.0}, '{"a": 1}', True, True),
    ({"a": 1.0000001}, '{"a": 1.0}', False, True),
    ({"a": 1}, '{"b": 1}', False, False),
    (0.1 + 0.2, "0.3", False, True),
    (0.3001, "0.3", False, False),
    (float("nan"), "NaN", False, False),
    (json.loads("[NaN]"), "[NaN]", False, False),
    (float("inf"), "Infinity", True, True),
    (float("inf"), "1.5", False, False),
    (BIG + 1, str(BIG), False, False),
    (float(BIG), str(BIG), True, True),
    (float(BIG), str(BIG + 1), False, True),
    (10**4000, "1.5", False, False),
    ("a", '["a"]', False, False),
]


@pytest.mark.parametrize(("answer", "expected", "right", "near"), VALUES, ids=str)
def test_values(answer: Any, expected: str, right: bool, near: bool) -> None:
    wanted = json.loads(expected)
    assert (same_value(answer, wanted), same_value(answer, wanted, MILLIONTH)) == (right, near)


@pytest.mark.parametrize(
    ("tolerance", "answer", "right"),
    [
        (Tolerance(absolute=1e-3), "1000.0009", True),
        (Tolerance(absolute=1e-3), "1000.001", True),
        (Tolerance(absolute=1e-3), "1000.0011", False),
        (Tolerance(relative=1e-3), "1001.0", True),
        (Tolerance(relative=1e-3), "1001.1", False),
        (Tolerance(absolute=1e-9, relative=1e-3), "999.5", True),
        (Tolerance(), "1000.0000000001", False),
    ],
)
def test_either_error_is_enough(tolerance: Tolerance, answer: str, right: bool) -> None:
    assert same_text(answer, "1000.0", tolerance) is same_value(float(answer), 1000.0, tolerance) is right


def test_a_tolerance_that_is_none_is_an_error() -> None:
    for value in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"Tolerance.absolute is"):
            Tolerance(absolute=value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.slow
@given(JSON, JSON)
def test_without_a_tolerance_values_compare_as_python_compares_them(answer: Any, expected: Any) -> None:
    assert same_value(answer, expected) is (answer == expected)
    assert same_value(answer, answer, MILLIONTH)


@given(st.lists(st.integers()), st.lists(st.integers()))
def test_integers_are_never_near(numbers: list[JSONValue], wanted: list[JSONValue]) -> None:
    text, wanted_text = (" ".join(map(str, values)) for values in (numbers, wanted))
    same = numbers == wanted
    assert same_text(text, wanted_text, MILLIONTH) is same_value(numbers, wanted, MILLIONTH) is same


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("1" * 500_000, "1"),
        ("1" * 500_000 + ".5", "1" * 500_000 + ".6"),
        ("1e999999", "1"),
        ("1e-999999", "0.5"),
        ("9e999999", "-9e999999"),
        ("1" * 500_000 + "e-999999", "1.1"),
        ("1" + "." * 500_000, "1"),
        (" " * 500_000, "1"),
        ("\n" * 500_000 + "2", "1"),
        ("2 " * 100_000, "1.5 " * 100_000),
    ],
    ids=lambda text: f"{text[:6]!a}{len(text)}",
)
def test_nothing_that_is_printed_is_dear_to_compare(printed: str, expected: str) -> None:
    began = time.process_time()
    assert not same_text(printed, expected) and not same_text(printed, expected, Tolerance(absolute=1e-9))
    # What takes more than linear time here takes minutes.
    assert time.process_time() - began < 10


# a statement, and the absolute and the relative error that it allows
STATEMENTS = [
    ("Print it; an absolute or relative error of at most 10^{-6} is fine.", 1e-6, 1e-6),
    ("Your output is judged correct if its relative or absolute error does not exceed $10^{-4}$.", 1e-4, 1e-4),
    ("Your answer may have an absolute or relative error of 1e-9.", 1e-9, 1e-9),
    ("The relative or absolute error of the output\nmust be less than 10^(-7).", 1e-7, 1e-7),
    ("Your answer counts as correct with absolute or relative error no more than 0.000001", 1e-6, 1e-6),
    ("Print the answer; its absolute or relative error is to be within $$10^{-5}$$.", 1e-5, 1e-5),
    ("Output with absolute/relative error \u2264 10^{\u22126} is correct.", 1e-6, 1e-6),
    (r"Output with absolute or relative error \leq 5 \times 10^{-7} is correct.", 5e-7, 5e-7),
    ("The result may be off: relative error below 10\u207b\u2076.", None, 1e-6),
    ("Print the root with a relative error of up to 10 ^ {-8}, so 1.0 would do.", None, 1e-8),
    ("Results whose absolute error is at most 10**-3 are accepted.", 1e-3, None),
    ("Answers within 10^-5 of the true one are accepted.", 1e-5, None),
    ("Answers within 10-5 of the true one are accepted.", 1e-5, None),
    ("Answers within 10<sup>-5</sup> of the true one are accepted.", 1e-5, None),
    ("Your answer is allowed an error of up to 0.01.", 1e-2, None),
    ("Your answer must be within **1E-6** of the jury's.", 1e-6, None),
    (r"The output should be correct to within \(\displaystyle 10^{-6}\).", 1e-6, None),
    ("Your output must have its points within 0.5 of each other.", None, None),
    ("Your answer may have absolute error at most 1e-6 or relative error at most 1e-9.", 1e-6, 1e-9),
    (
        "An answer with absolute error up to 1e-3 is accepted.\n\nAn answer with absolute error up to 1e-4 is.",
        1e-4,
        None,
    ),
    ("Your answer is correct if its absolute or relative error doesn't exceed $$$10^{-6}$$$.", 1e-6, 1e-6),
    ("Your answer is correct if its absolute or relative error doesn\u2019t exceed 1e-6.", 1e-6, 1e-6),
    ("An absolute or relative error of at most $10^{-6}$ is allowed.", 1e-6, 1e-6),
    ("A relative error below 10^{-6} is tolerated.", None, 1e-6),
    ("Print the answer rounded to 5 decimal places.", None, None),
    ("Print the answer with at least 6 digits after the point.", None, None),
    ("Print Yes if the absolute difference of a and b is at most 0.5.", None, None),
    ("The relative error of each scale is at most 10^{-3}.", None, None),
    ("Print the error rate.\n\n0 < p <= 0.1", None, None),
    ("Print how many people are within 0.5 of you.", None, None),
    ("Your answer is accepted if it makes at most 10^{5} errors.", None, None),
    ("The answer is at most 10^{9}; print it modulo 10^9+7.", None, None),
    ("Your answer is correct if its relative error is at most 1%.", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("statement", "absolute", "relative"), STATEMENTS)
def test_the_error_that_a_statement_allows(statement: str, absolute: float | None, relative: float | None) -> None:
    allowed = {"absolute": absolute, "relative": relative}
    assert (read_tolerance(statement) or {}) == {name: error for name, error in allowed.items() if error}
    surrounded = f"N numbers are given.\n\n{statement}\n\nConstraints\n\n- 1 <= N <= 0.5"
    assert read_tolerance(surrounded) == read_tolerance(statement)
