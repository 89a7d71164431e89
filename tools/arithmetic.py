"""Arithmetic as people and models write it, exact wherever numbers are rational, without `eval`.

Every expression, however hostile, ends within bounds: its length, its nesting, the size of numbers and the work done on
large ones are limited. Grammar, loosest first:

    sum      = product (("+" | "-") product)*
    product  = unary (("*" | "/" | "//" | "%") unary)*
    unary    = ("+" | "-") unary | power
    power    = postfix ["**" unary]
    postfix  = primary ("%" | "!")*
    primary  = number | constant | function "(" sum ("," sum)* ")" | "(" sum ")" | "√" unary

A `%` before an operand is the remainder, elsewhere it is percent; before a sign it is percent only as in `50% + 1`, and
else refused. Signs of remainder and floor division are Python's.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import NoReturn

from tools.types import ToolError

Number = Fraction | float
"""A Fraction is exact; a float is what roots, logarithms and the like give."""

EXPRESSION_LIMIT = 4_000
DEPTH_LIMIT = 80
DIGIT_LIMIT = 4_000
BIT_LIMIT = int(DIGIT_LIMIT * math.log2(10))
WORK_LIMIT = 40_000
"""Units of about a microsecond: an operation on numbers of n thousand bits in all counts n squared of them."""
FACTORIAL_LIMIT = 2_000
DECIMAL_PLACES = 50

_SCALE = 10**DECIMAL_PLACES
_ROUNDED = Context(prec=20)

TOO_LARGE = f"The number is too large: exact ones may have {DIGIT_LIMIT:,} digits, others reach 1.8e308."


def evaluate(expression: str) -> Number:
    """Raises ToolError that says what is wrong, and where."""
    if len(expression) > EXPRESSION_LIMIT:
        raise ToolError(f"The expression is too long: at most {EXPRESSION_LIMIT:,} characters.")
    try:
        return _Parser(expression).result()
    except ZeroDivisionError:
        raise ToolError("Division by zero.") from None
    except OverflowError:
        raise ToolError(TOO_LARGE) from None


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind` is number, name, end, or the symbol itself; `place` counts characters from 0."""

    kind: str
    text: str
    place: int


_SPELLINGS = {"×": "*", "⋅": "*", "·": "*", "∙": "*", "÷": "/", "−": "-", "–": "-", "^": "**", "π": "pi"}
_SYMBOL = re.compile(r"\*\*|//|[-+*/%!(),^√×⋅·∙÷−–]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*|π")
_TAIL = r"(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"
_NUMBER = re.compile(rf"[0-9][0-9_]*{_TAIL}|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?")
_GROUPED = re.compile(rf"[0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9_,]){_TAIL}")
_ZEROS = re.compile("0[0-9]")
_SPACE = re.compile(r"\s*")


def _tokens(text: str) -> Iterator[_Token]:
    """A comma belongs to a number (1,000) unless the innermost parenthesis holds a function's arguments."""
    in_arguments: list[bool] = []
    previous = ""
    place = _SPACE.match(text).end()  # type: ignore[union-attr]
    while place < len(text):
        commas_separate = bool(in_arguments) and in_arguments[-1]
        token = _token(text, place, commas_separate)
        yield token
        if token.kind == "(":
            in_arguments.append(previous == "name")
        elif token.kind == ")" and in_arguments:
            in_arguments.pop()
        previous = token.kind
        place = _SPACE.match(text, place + len(token.text)).end()  # type: ignore[union-attr]
    yield _Token("end", "", len(text))


def _token(text: str, place: int, commas_separate: bool) -> _Token:
    number = (None if commas_separate else _GROUPED.match(text, place)) or _NUMBER.match(text, place)
    if number and commas_separate and _ZEROS.match(number[0]):
        raise ToolError(
            f"At character {place + 1}: numbers among arguments are written without commas and leading zeros."
        )
    if number:
        return _Token("number", number[0], place)
    if name := _NAME.match(text, place):
        return _Token("name", name[0], place)
    if symbol := _SYMBOL.match(text, place):
        return _Token(_SPELLINGS.get(symbol[0], symbol[0]), symbol[0], place)
    raise ToolError(f"Syntax error at character {place + 1}: {text[place]!r} has no meaning here.")


def _adjacent(first: _Token, second: _Token) -> bool:
    return first.place + len(first.text) == second.place


class _Parser:
    """Recursive descent along the grammar above, calculating as it goes."""

    _OPERANDS = ("number", "name", "(", "√")

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0
        self._work_left: float = WORK_LIMIT

    def result(self) -> Number:
        value = self._sum()
        if self._token.kind != "end":
            self._fail("an operator")
        return value

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *kinds: str) -> str | None:
        kind = self._token.kind
        if kind not in kinds:
            return None
        self._next += 1
        return kind

    def _sum(self) -> Number:
        value = self._product()
        while symbol := self._take("+", "-"):
            value = self._apply(_BINARY[symbol], value, self._product())
        return value

    def _product(self) -> Number:
        value = self._unary()
        while symbol := self._take("*", "/", "//", "%"):
            value = self._apply(_BINARY[symbol], value, self._unary())
        return value

    def _unary(self) -> Number:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise ToolError(f"The expression is nested too deeply: at most {DEPTH_LIMIT} levels.")
        sign = self._take("+", "-")
        value = self._unary() if sign else self._power()
        self._depth -= 1
        return -value if sign == "-" else value

    def _power(self) -> Number:
        base = self._postfix()
        return self._apply(_power, base, self._unary()) if self._take("**") else base

    def _postfix(self) -> Number:
        value = self._primary()
        while self._token.kind == "!" or (self._token.kind == "%" and self._is_percent()):
            value = self._apply(_factorial if self._take("!", "%") == "!" else _percent, value)
        return value

    def _is_percent(self) -> bool:
        before, sign, after = self._tokens[self._next - 1 : self._next + 2]
        if after.kind in ("+", "-") and not (_adjacent(before, sign) and not _adjacent(sign, after)):
            raise ToolError(
                f"Syntax error at character {sign.place + 1}: '%' before a sign could mean two things. "
                "Write 5 % (-3) for a remainder, (5%) - 3 for a percentage."
            )
        return after.kind not in self._OPERANDS

    def _primary(self) -> Number:
        token = self._token
        kind = self._take(*self._OPERANDS)
        if kind == "number":
            return _bounded(_literal(token.text))
        if kind == "name":
            return self._named(token)
        if kind == "√":
            return self._apply(_square_root, self._unary())
        if kind != "(":
            self._fail("a number")
        value = self._sum()
        self._close()
        return value

    def _named(self, token: _Token) -> Number:
        name = _SPELLINGS.get(token.text, token.text).lower()
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name not in FUNCTIONS:
            known = ", ".join([*FUNCTIONS, *CONSTANTS])
            raise ToolError(f"{token.text[:40]!r} at character {token.place + 1} is unknown. There are: {known}.")
        if not self._take("("):
            self._fail(f"'(' after {name}")
        arguments = [self._sum()]
        while self._take(","):
            arguments.append(self._sum())
        self._close()
        function, fewest, most = FUNCTIONS[name]
        if not fewest <= len(arguments) <= most:
            raise ToolError(f"{name} does not take {len(arguments)} arguments.")
        try:
            return self._apply(function, *arguments)
        except ValueError:
            raise ToolError(f"{name} is not defined for {shown(arguments[0])[:60]}.") from None

    def _close(self) -> None:
        if not self._take(")"):
            self._fail("')'")

    def _apply(self, function: Callable[..., Number | int], *operands: Number) -> Number:
        self._charge(*operands, surcharge=_SURCHARGE.get(function, 0))
        value = function(*operands)
        result = _bounded(Fraction(value) if isinstance(value, int) else value)
        self._charge(result)
        return result

    def _charge(self, *numbers: Number, surcharge: int = 0) -> None:
        self._work_left -= (sum(map(_bits, numbers)) / 1000) ** 2 + surcharge
        if self._work_left < 0:
            raise ToolError("The expression is too much work: it has too many operations on very large numbers.")

    def _fail(self, expected: str) -> NoReturn:
        token = self._token
        if token.kind == "end":
            raise ToolError(f"Syntax error: the expression ends where {expected} was expected.")
        hint = " A comma groups thousands (1,000) or separates arguments; the decimal mark is a point." * (
            token.kind == ","
        )
        raise ToolError(
            f"Syntax error at character {token.place + 1}: expected {expected}, found {token.text[:40]!r}.{hint}"
        )


def shown(value: Number) -> str:
    """Whole numbers and decimals of up to 50 places exactly; other fractions as such (when short) with 20 digits;
    what is not exact with 15."""
    if isinstance(value, float):
        return f"{value + 0.0:.15g}"
    if value.denominator == 1:
        return str(value.numerator)
    if _SCALE % value.denominator == 0:
        return _decimal(value.numerator * (_SCALE // value.denominator))
    quotient = _ROUNDED.divide(Decimal(value.numerator), Decimal(value.denominator))
    fraction = f"{value.numerator}/{value.denominator} "
    return (fraction if len(fraction) <= 40 else "") + f"≈ {quotient}".lower()


def _decimal(scaled: int) -> str:
    digits = str(abs(scaled)).rjust(DECIMAL_PLACES + 1, "0")
    sign = "-" if scaled < 0 else ""
    return f"{sign}{digits[:-DECIMAL_PLACES]}.{digits[-DECIMAL_PLACES:].rstrip('0')}"


def _literal(text: str) -> Fraction:
    digits = text.replace(",", "").replace("_", "")
    exponent = digits.lower().partition("e")[2]
    if exponent and abs(int(exponent)) > DIGIT_LIMIT:
        raise ToolError(TOO_LARGE)
    return Fraction(digits)


def _bits(value: Number) -> int:
    return 0 if isinstance(value, float) else value.numerator.bit_length() + value.denominator.bit_length()


def _bounded(value: Number) -> Number:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ToolError(TOO_LARGE)
    elif max(value.numerator.bit_length(), value.denominator.bit_length()) > BIT_LIMIT:
        raise ToolError(TOO_LARGE)
    return value


def _whole(value: Number) -> int:
    if value != int(value):
        raise ToolError(f"{shown(value)[:60]} is not a whole number, which is needed here.")
    return int(value)


def _percent(value: Number) -> Number:
    return value / 100


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        if exponent.denominator == 1:
            return _whole_power(base, exponent.numerator)
        root = _exact_root(base, exponent.denominator)
        if root is not None:
            return _whole_power(root, exponent.numerator)
    real_base, real_exponent = float(base), float(exponent)
    if real_base < 0 and not real_exponent.is_integer():
        raise ToolError("A root of a negative number is not a real number.")
    return math.pow(real_base, real_exponent) if real_base else real_base**real_exponent


def _whole_power(base: Fraction, exponent: int) -> Fraction:
    least_bits = max(base.numerator.bit_length(), base.denominator.bit_length()) - 1
    if least_bits * abs(exponent) > BIT_LIMIT:
        raise ToolError(TOO_LARGE)
    return base**exponent


def _exact_root(value: Fraction, degree: int) -> Fraction | None:
    numerator, denominator = _whole_root(value.numerator, degree), _whole_root(value.denominator, degree)
    return None if numerator is None or denominator is None else Fraction(numerator, denominator)


def _whole_root(value: int, degree: int) -> int | None:
    if value < 0:
        return None
    if degree == 2:
        root = math.isqrt(value)
    else:
        try:
            root = round(float(value) ** (1 / degree))
        except OverflowError:
            return None
    return root if root**degree == value else None


def _square_root(value: Number) -> Number:
    return _power(value, Fraction(1, 2))


def _cube_root(value: Number) -> Number:
    return -_cube_root(-value) if value < 0 else _power(value, Fraction(1, 3))


def _factorial(value: Number) -> int:
    number = _whole(value)
    if number > FACTORIAL_LIMIT:
        raise ToolError(TOO_LARGE)
    if number < 0:
        raise ToolError("The factorial of a negative number is not defined.")
    return math.factorial(number)


def _choose(total: Number, taken: Number, ordered: bool = False) -> int:
    n, k = _whole(total), _whole(taken)
    if n < 0 or k < 0:
        raise ValueError
    factors = k if ordered else min(k, max(n - k, 0))
    if n >= k and (factors > FACTORIAL_LIMIT or factors * n.bit_length() > 4 * BIT_LIMIT):
        raise ToolError(TOO_LARGE)
    return math.perm(n, k) if ordered else math.comb(n, k)


def _arrange(total: Number, taken: Number) -> int:
    return _choose(total, taken, ordered=True)


def _round(value: Number, places: Number = Fraction(0)) -> Fraction:
    """Halves away from zero, as taught at school."""
    digits = _whole(places)
    if abs(digits) > DIGIT_LIMIT:
        raise ToolError(f"Numbers are rounded to at most {DIGIT_LIMIT:,} places.")
    scale = Fraction(10) ** digits
    size = math.floor(abs(Fraction(value)) * scale + Fraction(1, 2)) / scale
    return -size if value < 0 else size


def _logarithm(value: Number, base: Number = math.e) -> Number:
    if value <= 0 or base <= 0 or base == 1:
        raise ValueError
    result = _natural_logarithm(value) / _natural_logarithm(base)
    exponent = round(result)
    if isinstance(value, Fraction) and isinstance(base, Fraction) and abs(result - exponent) < 1e-9:
        return Fraction(exponent) if _whole_power(base, exponent) == value else result
    return result


def _natural_logarithm(value: Number) -> float:
    try:
        real = float(value)
    except OverflowError:
        real = 0.0
    if real or isinstance(value, float):
        return math.log(real)
    return math.log(value.numerator) - math.log(value.denominator)


def _periodic(function: Callable[[float], float]) -> Callable[[Number], Number]:
    """A float only comes near a multiple of pi, so that what should be 0 is merely small."""

    def at(value: Number) -> Number:
        angle = float(value)
        result = function(angle)
        noise = 1e-15 * max(1.0, min(abs(angle), 1e6))
        return 0.0 if abs(result) < noise < abs(angle) else result

    return at


def _tangent(value: Number) -> Number:
    if _periodic(math.cos)(value) == 0:
        raise ValueError
    return _periodic(math.tan)(value)


def _real(function: Callable[[float], float]) -> Callable[[Number], Number]:
    return lambda value: function(float(value))


def _sum_of(*values: Number) -> Number:
    return sum(values, Fraction(0))


def _mean(*values: Number) -> Number:
    return _sum_of(*values) / len(values)


def _of_whole(function: Callable[..., int]) -> Callable[..., int]:
    return lambda *values: function(*map(_whole, values))


_SURCHARGE: dict[Callable[..., Number | int], int] = {_factorial: 500, _choose: 500, _arrange: 500}
_BINARY: dict[str, Callable[..., Number | int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}

_ANY = EXPRESSION_LIMIT
FUNCTIONS: dict[str, tuple[Callable[..., Number | int], int, int]] = {
    "sqrt": (_square_root, 1, 1),
    "cbrt": (_cube_root, 1, 1),
    "pow": (_power, 2, 2),
    "abs": (abs, 1, 1),
    "round": (_round, 1, 2),
    "floor": (math.floor, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "trunc": (math.trunc, 1, 1),
    "min": (min, 1, _ANY),
    "max": (max, 1, _ANY),
    "sum": (_sum_of, 1, _ANY),
    "mean": (_mean, 1, _ANY),
    "gcd": (_of_whole(math.gcd), 1, _ANY),
    "lcm": (_of_whole(math.lcm), 1, _ANY),
    "factorial": (_factorial, 1, 1),
    "comb": (_choose, 2, 2),
    "perm": (_arrange, 2, 2),
    "exp": (_real(math.exp), 1, 1),
    "ln": (_logarithm, 1, 1),
    "log": (_logarithm, 1, 2),
    "log10": (lambda value: _logarithm(value, Fraction(10)), 1, 1),
    "log2": (lambda value: _logarithm(value, Fraction(2)), 1, 1),
    "sin": (_periodic(math.sin), 1, 1),
    "cos": (_periodic(math.cos), 1, 1),
    "tan": (_tangent, 1, 1),
    "asin": (_real(math.asin), 1, 1),
    "acos": (_real(math.acos), 1, 1),
    "atan": (_real(math.atan), 1, 1),
    "degrees": (_real(math.degrees), 1, 1),
    "radians": (_real(math.radians), 1, 1),
}
CONSTANTS: dict[str, Number] = {"pi": math.pi, "e": math.e, "tau": math.tau}
