"""Evaluates arithmetic as people and models write it, exactly wherever numbers are rational.

An expression is translated to Python's syntax, parsed by `ast`, and evaluated node by node. Its length, its nesting,
the size of numbers and the work done on large ones are limited, so that every evaluation ends soon.

A `%` before an operand is the remainder, elsewhere it is percent; before a sign it is percent only as in `50% + 1`, and
refused otherwise. Signs of remainder and floor division are Python's.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from fractions import Fraction
from functools import partial

from tools.types import ToolError

Number = Fraction | float
"""A Fraction is exact; a float is what roots, logarithms and the like return."""
Function = Callable[..., Number | int]

EXPRESSION_LIMIT = 4_000
DEPTH_LIMIT = 80
DIGIT_LIMIT = 4_000
BIT_LIMIT = int(DIGIT_LIMIT * math.log2(10))
WORK_LIMIT = 40_000
"""Units of about a microsecond: an operation on numbers of n thousand bits in all costs n squared of them."""
FACTORIAL_LIMIT = 2_000
DECIMAL_PLACES = 50

TOO_LARGE = f"The number is too large: exact ones may have {DIGIT_LIMIT:,} digits, others reach 1.8e308."
TOO_DEEP = f"The expression is nested too deeply: at most {DEPTH_LIMIT} levels."


def evaluate(expression: str) -> Number:
    """Returns the value of an expression. Raises ToolError, which says what is wrong, and where."""
    if len(expression) > EXPRESSION_LIMIT:
        raise ToolError(f"The expression is too long: at most {EXPRESSION_LIMIT:,} characters.")
    source = _translate(expression)
    try:
        return _Evaluation().result(ast.parse(source, mode="eval").body)
    except ZeroDivisionError:
        raise ToolError("Division by zero.") from None
    except OverflowError:
        raise ToolError(TOO_LARGE) from None
    except (MemoryError, RecursionError):
        raise ToolError(TOO_DEEP) from None


def shown(value: Number) -> str:
    """Returns whole numbers and decimals of up to 50 places exactly, other fractions as such (when short) and with 20
    digits, floats with 15 digits."""
    if isinstance(value, float):
        return f"{value + 0.0:.15g}"
    numerator, denominator = map(Decimal, value.as_integer_ratio())
    if 10**DECIMAL_PLACES % value.denominator == 0:
        return f"{Context(prec=DIGIT_LIMIT + DECIMAL_PLACES).divide(numerator, denominator):f}"
    fraction = f"{value} " if len(str(value)) < 40 else ""
    return f"{fraction}≈ {Context(prec=20).divide(numerator, denominator)}".lower()


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9_,])|[0-9][0-9_]*|(?=\.[0-9]))(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?)
    |(?P<name>[A-Za-z_][A-Za-z_0-9]*|π)
    |(?P<postfix>!|%(?!\s*[-+−–.\w(√])|(?<=\S)%(?=\s+[-+−–]))
    |(?P<ambiguous>%(?=\s*[-+−–]))
    |(?P<symbol>\*\*|//|[-+*/%(),^√×⋅·∙÷−–]|\Z)
    |(?P<unknown>.))""",
    re.VERBOSE | re.DOTALL,
)
_LEADING_ZERO = re.compile(r"(?<![\w.])0[0-9]")
_SPELLINGS = {"×": "*", "⋅": "*", "·": "*", "∙": "*", "÷": "/", "−": "-", "–": "-", "^": "**", "√": "~", "π": "pi"}
_PREFIXES = {"+", "-", "~"}
_BINARY = {"+", "-", "*", "/", "//", "%", "**"}
_ACCEPTED = {
    "a number": {*_PREFIXES, "number", "name", "("},
    "an operator": {*_BINARY, "postfix", ""},
    "')'": {*_BINARY, "postfix", ")", ","},
}


def _translate(expression: str) -> str:
    """Returns the expression in Python's syntax, where precedence is the same: decimals become strings, √ becomes ~,
    postfix operators become attributes. Raises ToolError for what Python's parser would refuse or could not bear."""
    expected = "a number"
    in_arguments = [False]  # whether each open bracket encloses arguments; the first stands for the whole expression
    depths = [0, 1]  # the nesting in each of these, after a 0 for what encloses the expression
    pieces: list[str] = []
    for kind, text, place in _tokens(expression):
        if kind not in _ACCEPTED.get(expected, {"("}) or (kind == "," and not in_arguments[-1]):
            raise _unexpected(kind, text, place, expected)
        if kind == "(":
            in_arguments.append(expected != "a number")
            depths.append(depths[-1] + 1)
        elif kind == ")":
            in_arguments.pop()
            depths.pop()
        elif kind in {"**", "postfix"} or (expected == "a number" and kind in _PREFIXES):
            depths[-1] += 1
        elif kind == "," or kind in _BINARY:
            depths[-1] = depths[-2] + 1
        if depths[-1] > DEPTH_LIMIT:
            raise ToolError(TOO_DEEP)
        pieces.append(_python(kind, text, place, in_arguments[-1]))
        if kind == "name" and pieces[-1] in FUNCTIONS:
            expected = f"'(' after {pieces[-1]}"
        elif kind in {"number", "name", "postfix", ")"}:
            expected = "an operator" if len(in_arguments) == 1 else "')'"
        else:
            expected = "a number"
    # Nodes store their positions: on short lines these are small integers, which Python shares.
    return "(" + "\n".join("".join(pieces[start : start + 20]) for start in range(0, len(pieces), 20)) + ")"


def _tokens(expression: str) -> Iterator[tuple[str, str, int]]:
    """Yields each token's kind (of a symbol, as Python writes it), its text, and its place, counted from 1."""
    for match in _TOKEN.finditer(expression):
        if unknown := match["unknown"]:
            raise ToolError(f"Syntax error at character {match.end()}: {unknown!r} has no meaning here.")
    for match in _TOKEN.finditer(expression.rstrip()):
        kind = str(match.lastgroup)
        text = match[kind]
        yield _SPELLINGS.get(text, text) if kind == "symbol" else kind, text, match.start(kind) + 1


def _python(kind: str, text: str, place: int, in_arguments: bool) -> str:
    if kind == "number":
        if in_arguments and (zero := _LEADING_ZERO.search(text)):
            place += zero.start()
            raise ToolError(
                f"At character {place}: numbers among arguments are written without commas and leading zeros."
            )
        numbers = text.replace("_", "").split(",") if in_arguments else [re.sub("[_,]", "", text)]
        return ",".join(str(int(number)) if number.isdecimal() else repr(number) for number in numbers)
    if kind == "name":
        name = _SPELLINGS.get(text, text.lower())
        if name not in FUNCTIONS | CONSTANTS:
            known = ", ".join(FUNCTIONS | CONSTANTS)
            raise ToolError(f"{text[:40]!r} at character {place} is unknown. There are: {known}.")
        return name
    return {"!": " .factorial", "%": " .percent"}[text] if kind == "postfix" else kind


def _unexpected(kind: str, text: str, place: int, expected: str) -> ToolError:
    if not text:
        return ToolError(f"Syntax error: the expression ends where {expected} was expected.")
    problem = f"expected {expected}, found {text[:40]!r}."
    if kind == ",":
        problem += " A comma groups thousands (1,000) or separates arguments; the decimal mark is a point."
    if kind == "ambiguous" and expected in ("an operator", "')'"):
        problem = "'%' before a sign could mean two things. Write 5 % (-3) for a remainder, (5%) - 3 for a percentage."
    return ToolError(f"Syntax error at character {place}: {problem}")


class _Evaluation:
    """Evaluates a syntax tree on a stack of operands, and limits the work done on large numbers."""

    def __init__(self) -> None:
        self._operands: list[Number] = []
        self._work = 0.0

    def result(self, tree: ast.expr) -> Number:
        # Operands come before their operators, from left to right. A long sum is too deep a tree for recursion.
        nodes: list[ast.AST] = []
        pending: list[ast.AST] = [tree]
        while pending:
            nodes.append(pending.pop())
            pending.extend(ast.iter_child_nodes(nodes[-1]))
        for node in reversed(nodes):
            match node:
                case ast.Constant(value=literal):
                    self._push(_literal(str(literal)))
                case ast.Name(id=name) if name in CONSTANTS:
                    self._push(CONSTANTS[name])
                case ast.BinOp(op=op):
                    self._apply(OPERATORS[type(op)], 2)
                case ast.UnaryOp(op=op):
                    self._apply(OPERATORS[type(op)], 1)
                case ast.Attribute(attr=name):
                    self._apply(OPERATORS[name], 1)
                case ast.Call(func=ast.Name(id=name), args=arguments):
                    self._call(name, len(arguments))
        return self._operands.pop()

    def _call(self, name: str, count: int) -> None:
        first = self._operands[-count]
        try:
            self._apply(FUNCTIONS[name], count)
        except TypeError:  # Every function takes any mix of fractions and floats, so it was their count
            raise ToolError(f"{name} does not take {count} arguments.") from None
        except ValueError:
            raise ToolError(f"{name} is not defined for {shown(first)[:60]}.") from None

    def _apply(self, function: Function, count: int) -> None:
        operands = self._operands[-count:]
        del self._operands[-count:]
        self._charge(operands, surcharge=500 if function in _COSTLY else 0)
        self._push(function(*operands))

    def _push(self, value: Number | int) -> None:
        value = Fraction(value) if isinstance(value, int) else value
        if abs(value) == math.inf or max(_bit_lengths(value)) > BIT_LIMIT:
            raise ToolError(TOO_LARGE)
        self._charge([value])
        self._operands.append(value)

    def _charge(self, numbers: list[Number], surcharge: int = 0) -> None:
        self._work += (sum(sum(_bit_lengths(number)) for number in numbers) / 1000) ** 2 + surcharge
        if self._work > WORK_LIMIT:
            raise ToolError("The expression is too much work: it has too many operations on very large numbers.")


def _bit_lengths(value: Number) -> tuple[int, int]:
    return (0, 0) if isinstance(value, float) else (value.numerator.bit_length(), value.denominator.bit_length())


def _literal(digits: str) -> Fraction:
    exponent = digits.lower().partition("e")[2]
    if exponent and abs(int(exponent)) > DIGIT_LIMIT:
        raise ToolError(TOO_LARGE)
    return Fraction(digits)


def _whole(value: Number) -> int:
    if value != int(value):
        raise ToolError(f"{shown(value)[:60]} is not a whole number, which is needed here.")
    return int(value)


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        root = _exact_root(base, exponent.denominator)
        if root is not None:
            if (max(_bit_lengths(root)) - 1) * abs(exponent.numerator) > BIT_LIMIT:
                raise ToolError(TOO_LARGE)
            return Fraction(root**exponent.numerator)
    base, exponent = float(base), float(exponent)
    if base < 0 and not exponent.is_integer():
        raise ToolError("A root of a negative number is not a real number.")
    return float(base**exponent)


def _exact_root(value: Fraction, degree: int) -> Fraction | None:
    if degree == 1:
        return value
    if value < 0:
        return None
    parts = value.as_integer_ratio()
    try:
        root = Fraction(*(math.isqrt(part) if degree == 2 else round(part ** (1 / degree)) for part in parts))
    except OverflowError:
        return None
    return root if root**degree == value else None


def _logarithm(value: Number, base: Number = math.e) -> Number:
    if value <= 0 or base <= 0 or base == 1:
        raise ValueError
    natural, natural_base = (
        math.log(number)
        if isinstance(number, float) or 1e-300 < number < 1e300
        else math.log(number.numerator) - math.log(number.denominator)
        for number in (value, base)
    )
    result = natural / natural_base
    exponent = Fraction(round(result))
    if isinstance(value, Fraction) and isinstance(base, Fraction) and abs(result - exponent) < 1e-9:
        return exponent if _power(base, exponent) == value else result
    return result


def _round(value: Number, places: Number = Fraction(0)) -> Fraction:
    """Rounds halves away from zero, as taught at school."""
    digits = _whole(places)
    if abs(digits) > DIGIT_LIMIT:
        raise ToolError(f"Numbers are rounded to at most {DIGIT_LIMIT:,} places.")
    scale = Fraction(10) ** digits
    size = math.floor(abs(Fraction(value)) * scale + Fraction(1, 2)) / scale
    return -size if value < 0 else size


def _count(function: Callable[[int, int], int], total: Number, taken: Number) -> int:
    n, k = _whole(total), _whole(taken)
    if n < 0 or k < 0:
        raise ValueError
    factors = min(k, n - k) if function is math.comb else k
    if k <= n and (factors > FACTORIAL_LIMIT or factors * n.bit_length() > 4 * BIT_LIMIT):
        raise ToolError(TOO_LARGE)
    return function(n, k)


def _factorial(value: Number) -> int:
    if _whole(value) < 0:
        raise ToolError("The factorial of a negative number is not defined.")
    return _count(math.perm, value, value)


def _periodic(function: Callable[[float], float], value: Number) -> float:
    """Returns what the function does, but 0 where that is only rounding noise because no float is a multiple of pi."""
    if function is math.tan and _periodic(math.cos, value) == 0:
        raise ValueError
    angle = float(value)
    result = function(angle)
    noise = 1e-15 * max(1.0, min(abs(angle), 1e6))
    return 0.0 if abs(result) < noise < abs(angle) else result


CONSTANTS: dict[str, Number] = {"pi": math.pi, "e": math.e, "tau": math.tau}
FUNCTIONS: dict[str, Function] = {
    "sqrt": lambda value: _power(value, Fraction(1, 2)),
    "cbrt": lambda value: (-1 if value < 0 else 1) * _power(abs(value), Fraction(1, 3)),
    "pow": _power,
    "abs": abs,
    "round": _round,
    **{name: getattr(math, name) for name in ("floor", "ceil", "trunc")},
    "min": lambda *values: min(values),
    "max": lambda *values: max(values),
    "sum": lambda *values: sum(values, Fraction(0)),
    "mean": lambda *values: sum(values, Fraction(0)) / len(values),
    "gcd": lambda *values: math.gcd(*map(_whole, values)),
    "lcm": lambda *values: math.lcm(*map(_whole, values)),
    "factorial": _factorial,
    "comb": partial(_count, math.comb),
    "perm": partial(_count, math.perm),
    "exp": math.exp,
    "ln": lambda value: _logarithm(value),
    "log": _logarithm,
    "log10": lambda value: _logarithm(value, Fraction(10)),
    "log2": lambda value: _logarithm(value, Fraction(2)),
    **{name: partial(_periodic, getattr(math, name)) for name in ("sin", "cos", "tan")},
    **{name: getattr(math, name) for name in ("asin", "acos", "atan", "degrees", "radians")},
}
OPERATORS: dict[type[ast.AST] | str, Function] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: FUNCTIONS["sqrt"],
    "factorial": _factorial,
    "percent": lambda value: value / 100,
}
_COSTLY = {FUNCTIONS["factorial"], FUNCTIONS["comb"], FUNCTIONS["perm"]}
