from __future__ import annotations

import time
import tracemalloc

import pytest

from tools.arithmetic import evaluate, shown
from tools.types import ToolError

MAX_CPU_SECONDS = 2.0
"""Each expression takes less than a tenth of this, and without the limits far longer."""
HOSTILE = [
    "9**9**9",
    "9" * 3000 + "**" + "9" * 900,
    "factorial(10**9)",
    "comb(10**9, 5 * 10**8)",
    "comb(10**3000, 1999)",
    "perm(10**9, 10**8)",
    "1e999999999",
    "1e-999999999",
    "1e" + "9" * 3000,
    "(" * 10_000 + "1" + ")" * 10_000,
    "(" * 1900 + "1" + ")" * 1900,
    "-" * 3999 + "1",
    "2**" * 1300 + "1",
    "√" * 3999 + "1",
    "sin(" * 900 + "1",
    "9" * 3999,
    "1/" + "7" * 3990,
    "!" * 3999,
    "3" + "!" * 3999,
    "5" + "%" * 3998,
    "1" * 20_000_000,
    "+".join(["9**4000"] * 490),
    "+".join(["1/3**5000"] * 390),
    "*".join(["1400!"] * 650),
    "-".join(["1400!"] * 650),
    "+".join(["comb(4000,2000)"] * 245),
    "+".join(["perm(2000,900)"] * 260),
    "gcd(" + ",".join(["9**4000"] * 490) + ")",
    "lcm(" + ",".join(str(n) for n in range(1000, 1790)) + ")",
    "sum(" + ",".join(f"1/{n}**900" for n in range(101, 400)) + ")",
    "mean(" + ",".join(f"1/{n}" for n in range(1000, 1560)) + ")",
    "+".join(["round(1/3,3000)"] * 240),
    "+".join(["(9**4000)**(1/2)"] * 230),
    "+".join(["log10(10**4000-1)"] * 220),
    "7**4000%" * 400 + "3",
    "10**3999//" * 390 + "3",
    "1" + "+1" * 1999,
    "2" + "*1" * 1999,
    "e" + "*e" * 1999,
    "(1" + "+1" * 1998 + ")",
    "1" + "--1" * 1333,
    "1%" + "+1%" * 1332,
    "1" + "!" * 3999,
    "max(" * 79 + "1" + ",1)" * 79,
    "max(" * 570 + "1" + ",1)" * 570,
    "-(1+" * 800 + "1" + ")" * 790,
    "2^-" * 1300 + "1",
    "0." + "1" * 3990 + "*3",
]


@pytest.mark.parametrize("expression", HOSTILE, ids=lambda expression: f"{expression[:24]}-{len(expression)}")
def test_no_expression_takes_much_time_or_memory(expression: str) -> None:
    def attempt() -> None:
        try:
            shown(evaluate(expression))
        except ToolError:
            return

    assert seconds(attempt) < MAX_CPU_SECONDS
    tracemalloc.start()
    try:
        attempt()
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def seconds(attempt: object) -> float:
    started = time.process_time()
    assert callable(attempt)
    attempt()
    return time.process_time() - started


@pytest.mark.parametrize(
    "expression", ["10**3999", "1/10**3999", "1400!", "2**13000", "sum(" + "123456.78," * 350 + "1)"]
)
def test_large_valid_expressions_are_calculated(expression: str) -> None:
    assert shown(evaluate(expression))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1" + "+1" * 1999, 2000),
        ("1" + "-1" * 1999, -1998),
        ("(2" + "*1" * 1998 + ")", 2),
        ("(" * 79 + "1" + ")" * 79, 1),
        ("max(" * 79 + "1" + ",2)" * 79, 2),
        ("-" * 78 + "1", 1),
        ("1**" * 79 + "1", 1),
        ("+".join(["-(2)"] * 800), -1600),
    ],
    ids=lambda parameter: str(parameter)[:24],
)
def test_chains_and_nesting_up_to_the_limit_are_calculated(expression: str, value: int) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 80 + "1" + ")" * 80,
        "max(" * 80 + "1" + ",2)" * 80,
        "max(" * 999,
        "-" * 80 + "1",
        "√" * 80 + "1",
        "1**" * 80 + "1",
        "-(1+" * 40 + "1" + ")" * 40,
        "5" + "%" * 80,
    ],
    ids=lambda expression: expression[:8],
)
def test_deeper_nesting_is_refused(expression: str) -> None:
    with pytest.raises(ToolError, match="nested too deeply: at most 80 levels"):
        evaluate(expression)


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("10**4000", "The number is too large"),
        ("1/10**4000", "The number is too large"),
        ("exp(1000)", "The number is too large"),
        ("pi * 10**400", "The number is too large"),
        ("1" * 5000, "The expression is too long: at most 4,000 characters."),
        ("(" * 200 + "1" + ")" * 200, "nested too deeply: at most 80 levels"),
        ("+".join(["9**4000"] * 490), "too many operations on very large numbers"),
    ],
)
def test_every_limit_names_itself_in_its_error(expression: str, complaint: str) -> None:
    with pytest.raises(ToolError, match=complaint):
        evaluate(expression)
