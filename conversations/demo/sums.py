"""Arithmetic in a sentence: what of it a calculator can be asked."""

from __future__ import annotations

import re
from itertools import pairwise

_SPOKEN = [
    (re.compile(pattern, re.IGNORECASE), written)
    for pattern, written in [
        (r"\b\d{4}-\d{1,2}-\d{1,2}\b", " . "),
        (r"(?:\bthe )?square root of\s+(\d[\d.,]*\d|\d)", r"sqrt(\1)"),
        (r"(?<=\d)\s*(?:percent|per cent)\b", "%"),
        (r"(?<=%)\s*of\s+(?=[\d(])", " * "),
        (r"(?<=[\d)])\s+(?:times|multiplied by|x)\s+(?=[\d(-])", " * "),
        (r"(?<=[\d)])\s+(?:divided by|over)\s+(?=[\d(-])", " / "),
        (r"(?<=[\d)])\s+plus\s+(?=[\d(-])", " + "),
        (r"(?<=[\d)])\s+minus\s+(?=[\d(-])", " - "),
        (r"(?<=[\d)])\s+(?:to the power of|to the)\s+(?=[\d(-])", " ** "),
        (r"(?<=[\d)])\s+squared\b", " ** 2"),
        (r"(?<=[\d)])\s+cubed\b", " ** 3"),
        (r"(?<=[\d)])\s*(?:乘以|乘)\s*(?=[\d(])", " * "),
        (r"(?<=[\d)])\s*(?:除以)\s*(?=[\d(])", " / "),
        (r"(?<=[\d)])\s*(?:加上|加)\s*(?=[\d(])", " + "),
        (r"(?<=[\d)])\s*(?:减去|减)\s*(?=[\d(])", " - "),
    ]
]
_TOKEN = re.compile(
    r"(?P<number>(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?![A-Za-z_]))"
    r"|(?P<name>\b(?:sqrt|cbrt|abs|floor|ceil|sin|cos|tan|exp|ln|log10|log2|log|factorial)(?=\()|\bpi\b|π)"
    r"|(?P<operator>\*\*|//|[-+*/^×÷−])"
    r"|(?P<mark>[()!%])"
)
_ASKS_FOR_A_NUMBER = re.compile(
    r"what(?:'s| is| are)|calculat|comput|how much|work out|solve|=|多少|计算|等于", re.IGNORECASE
)
_CLEAR_OPERATORS = {"*", "**", "^", "×", "÷", "+", "//"}
_LONGEST = 1_000
_MOST = 8


def find_expressions(text: str) -> list[str]:
    """Expressions that the text asks to calculate, as they stand there but for words such as "times"; at most eight.
    A lone `-` or `/` between numbers counts only where the text asks for a number: it may be a range or a fraction."""
    asked = bool(_ASKS_FOR_A_NUMBER.search(text))
    for spoken, written in _SPOKEN:
        text = spoken.sub(written, text)
    asked = asked or not re.search(r"[^\W\d_]", text)
    found = (_trimmed(run) for run in _runs(text))
    return [_source(run) for run in found if _is_sum(run, asked=asked)][:_MOST]


def _runs(text: str) -> list[list[re.Match[str]]]:
    """Tokens that follow one another with nothing but blanks between them."""
    tokens = list(_TOKEN.finditer(text))
    runs = [tokens[:1]] if tokens else []
    for before, token in pairwise(tokens):
        if text[before.end() : token.start()].strip(" ") or _stand_apart(before, token):
            runs.append([])
        runs[-1].append(token)
    return runs


def _stand_apart(before: re.Match[str], token: re.Match[str]) -> bool:
    """Two numbers in a row belong to two expressions."""
    return _ends_operand(before) and token.lastgroup in ("number", "name")


def _ends_operand(token: re.Match[str]) -> bool:
    return token.lastgroup == "number" or token[0] in (")", "pi", "π")


def _trimmed(run: list[re.Match[str]]) -> list[re.Match[str]]:
    """Without what no expression starts or ends with: the bullet of a list, a dash before the next words."""
    while run and not _starts_operand(run):
        run = run[1:]
    while run and (run[-1].lastgroup == "operator" or run[-1][0] == "("):
        run = run[:-1]
    return run


def _starts_operand(run: list[re.Match[str]]) -> bool:
    if run[0][0] in ("-", "−"):
        return len(run) > 1 and run[0].end() == run[1].start()
    return run[0][0] == "(" or run[0].lastgroup in ("number", "name")


def _is_sum(run: list[re.Match[str]], *, asked: bool) -> bool:
    texts = [token[0] for token in run]
    if texts.count("(") != texts.count(")"):
        return False
    operators = {token[0] for token in run[1:] if token.lastgroup == "operator"}
    applied = any(token.lastgroup == "name" for token in run) and "(" in texts
    if applied or operators & _CLEAR_OPERATORS:
        return any(token.lastgroup in ("number", "name") for token in run)
    return asked and (bool(operators) or (len(texts) > 1 and texts[-1] == "!"))


def _source(run: list[re.Match[str]]) -> str:
    return run[0].string[run[0].start() : run[-1].end()][:_LONGEST]
