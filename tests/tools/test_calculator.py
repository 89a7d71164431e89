from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tools.arithmetic import CONSTANTS, FUNCTIONS, evaluate, shown
from tools.builtin.calculator import calculator
from tools.types import ToolError


def calculate(expression: str) -> str:
    return str(calculator.function(expression))


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("6 * 7", "42"),
        ("0.1 + 0.2", "0.3"),
        ("1/3", "1/3 ≈ 0.33333333333333333333"),
        ("-2/3", "-2/3 ≈ -0.66666666666666666667"),
        ("1/3 + 1/3 + 1/3", "1"),
        ("1/8", "0.125"),
        ("-1/8", "-0.125"),
        ("1/2**50", "0.00000000000000088817841970012523233890533447265625"),
        ("1/3**100", "≈ 1.9403252174826328376e-48"),
        ("2**100", "1267650600228229401496703205376"),
        ("1e3 + .5 + 1.", "1001.5"),
        ("1.5E-3", "0.0015"),
        ("1_000_000", "1000000"),
        ("1,234,567.5 * 2", "2469135"),
        ("2 + 3 * 4 - 5", "9"),
        ("(2 + 3) * 4", "20"),
        ("10 - 3 - 2", "5"),
        ("100 / 10 / 2", "5"),
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("7.5 % 2", "1.5"),
        ("-2 ** 2", "-4"),
        ("2 ** -1", "0.5"),
        ("2 ** 3 ** 2", "512"),
        ("2 ^ 10", "1024"),
        ("0 ** 0", "1"),
        ("--+-3", "-3"),
        ("3 × 4 ÷ 6 − 1 ⋅ 2", "0"),
        ("10 % 4", "2"),
        ("10 % (-4)", "-2"),
        ("20%", "0.2"),
        ("200 * 15%", "30"),
        ("50% + 1", "1.5"),
        ("5%%", "0.0005"),
        ("5!", "120"),
        ("3!!", "720"),
        ("2 * 3!", "12"),
        ("√16 + √(9)", "7"),
        ("sqrt(1/4)", "0.5"),
        ("sqrt(2)", "1.4142135623731"),
        ("sqrt(2) ** 2", "2"),
        ("8 ** (1/3)", "2"),
        ("32 ** 0.4", "4"),
        ("cbrt(-27)", "-3"),
        ("2 ** 0.5", "1.4142135623731"),
        ("pow(2, 8)", "256"),
        ("abs(-3/4)", "0.75"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(2.675, 2)", "2.68"),
        ("round(1250, -2)", "1300"),
        ("round(sqrt(2), 3)", "1.414"),
        ("floor(-0.5)", "-1"),
        ("ceil(0.2)", "1"),
        ("trunc(-1.9)", "-1"),
        ("min(3, 1/2, 2)", "0.5"),
        ("max(3, pi, 2)", "3.14159265358979"),
        ("max((1,000), 2)", "1000"),
        ("sum(1, 2, 3.5)", "6.5"),
        ("mean(1, 2)", "1.5"),
        ("gcd(12, 18)", "6"),
        ("lcm(4, 6, 10)", "60"),
        ("factorial(20)", "2432902008176640000"),
        ("comb(5, 2)", "10"),
        ("comb(2, 5)", "0"),
        ("perm(5, 2)", "20"),
        ("exp(0)", "1"),
        ("ln(e)", "1"),
        ("log(243, 3)", "5"),
        ("log10(0.001)", "-3"),
        ("log2(2**500)", "500"),
        ("ln(10**400)", "921.034037197618"),
        ("sin(pi)", "0"),
        ("cos(pi / 2)", "0"),
        ("tan(π)", "0"),
        ("sin(1e-20)", "1e-20"),
        ("sin(radians(30))", "0.5"),
        ("degrees(atan(1))", "45"),
        ("acos(2/2)", "0"),
        ("PI + Sqrt(4)", "5.14159265358979"),
        ("2 * pi", "6.28318530717959"),
        ("ln(1/10**400)", "-921.034037197618"),
        ("max(pi)", "3.14159265358979"),
        ("sin(1e6 * pi)", "0"),
        ("pi % 1", "0.141592653589793"),
        ("pi // 1", "3"),
    ],
)
def test_expressions_are_calculated(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("2 ** -3!", "0.015625"),
        ("2 ^ 3 ^ 2 - 2 ** -2 ^ 2", "511.9375"),
        ("2 * -3 ** 2 % 5", "2"),
        ("7 // 2 % 2 * 3", "3"),
        ("-5 // 3 + -5 % 3", "-1"),
        ("-2!", "-2"),
        ("-√4 ** 2", "-4"),
        ("2 ** √9 ** 2", "512"),
        ("√16%", "0.4"),
        ("50% ** 2", "0.25"),
        ("10 % 3!", "4"),
        ("3! % 4", "2"),
        ("6%(4)", "2"),
        ("50% % 3", "0.5"),
        ("2 % 3 + 4%", "2.04"),
        ("5% * 1,000", "50"),
        ("200 + 10% * 3!", "200.6"),
        ("12.5% × 80 ÷ 4", "2.5"),
        ("1e2%", "1"),
        ("1\n+\t2 *\n3 ", "7"),
        ("-".join(["100"] + ["(1 + 1)"] * 40), "20"),
    ],
)
def test_operators_bind_as_in_python_and_postfix_ones_tightest(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("0,123 + 007", "130"),
        ("1_0.5_0e+1", "105"),
        ("(1,234)", "1234"),
        ("max(1,234)", "234"),
        ("sum(1,234.5, 2)", "237.5"),
        ("sum(1,234,(1,234))", "1469"),
        ("max((1,234), 2) - 1,000", "234"),
        ("max(0.05, 0)", "0.05"),
    ],
)
def test_commas_group_digits_except_between_arguments(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("(4/9) ** 1.5", "8/27 ≈ 0.29629629629629629630"),
        ("(1/32) ** -0.6", "8"),
        ("(10**400) ** 0.5 / 10**200", "1"),
        ("cbrt(-8/27)", "-2/3 ≈ -0.66666666666666666667"),
        ("log(8, 1/2)", "-3"),
        ("log(1/1024, 2) * log10(1e-7)", "70"),
        ("mean(1/3, 1/6, 0.25)", "0.25"),
        ("min(4)", "4"),
        ("round(-1/3, 4)", "-0.3333"),
        ("round(0.5) + round(1.5)", "3"),
        ("trunc(-7/2) - floor(-7/2) + ceil(7/2)", "5"),
        ("gcd(2**64, 6**20, 10**12)", "4096"),
        ("perm(10, 3) / comb(10, 3) - 3!", "0"),
        ("123456789 ** 5", "28679718602997181072337614380936720482949"),
        ("2 / 3 * 10**30", "2000000000000000000000000000000/3 ≈ 6.6666666666666666667e+29"),
        ("10**25 / 7**20", "≈ 125325428.94196848998"),
        ("1e-50", "0." + "0" * 49 + "1"),
        ("1e-51", "≈ 1e-51"),
        ("1/2**166", "≈ 1.0691058840368782585e-50"),
    ],
)
def test_rational_results_stay_exact(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("1/0", "Division by zero."),
        ("5 % 0", "Division by zero."),
        ("0 ** -1", "Division by zero."),
        ("0 ** -0.5", "Division by zero."),
        ("", "Syntax error: the expression ends where a number was expected."),
        ("1 +", "Syntax error: the expression ends where a number was expected."),
        ("(1", "Syntax error: the expression ends where ')' was expected."),
        ("1)", "Syntax error at character 2: expected an operator, found ')'."),
        ("1 + * 2", "Syntax error at character 5: expected a number, found '*'."),
        ("2 (3)", "Syntax error at character 3: expected an operator, found '('."),
        ("1 000", "Syntax error at character 3: expected an operator, found '000'."),
        ("1,5", "found ','. A comma groups thousands (1,000) or separates arguments; the decimal mark is a point."),
        ("max(1,000, 2)", "At character 7: numbers among arguments are written without commas and leading zeros."),
        ("5 % -3", "Syntax error at character 3: '%' before a sign could mean two things."),
        ("5%-3", "Write 5 % (-3) for a remainder, (5%) - 3 for a percentage."),
        ("$5", "Syntax error at character 1: '$' has no meaning here."),
        ("１", "has no meaning here"),
        ("__import__('os')", "has no meaning here"),
        ("x + 1", "'x' at character 1 is unknown. There are: sqrt, "),
        ("sqrt 4", "Syntax error at character 6: expected '(' after sqrt, found '4'."),
        ("sqrt(1, 2)", "sqrt does not take 2 arguments."),
        ("round(1, 2, 3)", "round does not take 3 arguments."),
        ("min()", "Syntax error at character 5: expected a number, found ')'."),
        ("sqrt(-1)", "A root of a negative number is not a real number."),
        ("(-8) ** (1/3)", "A root of a negative number is not a real number."),
        ("log(0)", "log is not defined for 0."),
        ("log(2, 1)", "log is not defined for 2."),
        ("asin(2)", "asin is not defined for 2."),
        ("tan(pi / 2)", "tan is not defined for 1.5707963267949."),
        ("2.5!", "2.5 is not a whole number, which is needed here."),
        ("gcd(1.5, 2)", "1.5 is not a whole number"),
        ("(-1)!", "The factorial of a negative number is not defined."),
        ("comb(-1, 2)", "comb is not defined for -1."),
        ("comb(5)", "comb does not take 1 arguments."),
        ("5 + % 2", "Syntax error at character 5: expected a number, found '%'."),
        ("pi(2)", "Syntax error at character 3: expected an operator, found '('."),
        ("2x", "Syntax error at character 2: expected an operator, found 'x'."),
        ("1..5.", "Syntax error at character 5: '.' has no meaning here."),
        ("max(2 3)", "Syntax error at character 7: expected ')', found '3'."),
        ("max((1, 2), 3)", "Syntax error at character 7: expected ')', found ','. A comma groups"),
        ("max(1,)", "Syntax error at character 7: expected a number, found ')'."),
        ("mean(1,234,000)", "At character 12: numbers among arguments are written without commas and leading zeros."),
        ("1 if 2 else 3", "Syntax error at character 3: expected an operator, found 'if'."),
        ("None", "'None' at character 1 is unknown."),
        ("pi.real", "Syntax error at character 3: '.' has no meaning here."),
        ("2 ** 'x'", 'Syntax error at character 6: "\'" has no meaning here.'),
    ],
)
def test_an_invalid_expression_is_explained(expression: str, complaint: str) -> None:
    with pytest.raises(ToolError) as refused:
        calculate(expression)
    assert complaint in str(refused.value)


def test_the_description_names_every_function_and_constant() -> None:
    words = calculator.description.replace("(", " ").replace(".", " ").replace(";", " ").split()
    assert set(FUNCTIONS) | set(CONSTANTS) <= set(words)


OPERATORS: dict[str, Callable[[Fraction, Fraction], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


def combined(
    parts: tuple[tuple[str, Fraction | None], str, tuple[str, Fraction | None]],
) -> tuple[str, Fraction | None]:
    (left, left_value), symbol, (right, right_value) = parts
    text = f"({left}) {symbol} ({right})"
    if left_value is None or right_value is None:
        return text, None
    try:
        return text, Fraction(OPERATORS[symbol](left_value, right_value))
    except ZeroDivisionError:
        return text, None


numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**6), max_value=10**6).map(
    lambda number: (str(number), Fraction(number))
)
expressions: st.SearchStrategy[tuple[str, Fraction | None]] = st.recursive(
    numbers, lambda inner: st.tuples(inner, st.sampled_from(sorted(OPERATORS)), inner).map(combined), max_leaves=20
)


@given(expressions)
def test_results_equal_those_of_fractions(expression: tuple[str, Fraction | None]) -> None:
    text, value = expression
    if value is None:
        with pytest.raises(ToolError):
            evaluate(text)
    else:
        assert evaluate(text) == value


@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=10**12))
def test_an_exact_result_equals_the_value(value: Fraction) -> None:
    text = shown(value)
    exact = text.partition(" ≈ ")[0] if "/" in text else text
    assert Fraction(exact) == value


PIECES = [*FUNCTIONS, *CONSTANTS, *"+-*/%^!(),.√×eE_ \0é", "**", "//", "0", "7", "9" * 30, "1,000", "1e99", "0.5"]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60))
@example("round(1e999)")
@example("(10**400) // 0.1**0.5")
@example("perm(9" + "9" * 30 + ", 0)")
@example("log(2, 0.5) % sin(0)")
def test_any_input_gives_a_result_or_a_tool_error(expression: str) -> None:
    try:
        result = shown(evaluate(expression))
    except ToolError as error:
        result = str(error)
    assert 0 < len(result) < 5000
