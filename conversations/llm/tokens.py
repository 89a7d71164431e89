"""Estimates how many tokens a text has."""

from __future__ import annotations

_ASCII = bytes(range(0x80))
_NOT_LEADING_TWO = bytes(b for b in range(256) if not 0xC2 <= b <= 0xDF)
_NOT_LEADING_THREE = bytes(b for b in range(256) if not 0xE0 <= b <= 0xEF)
_NOT_LEADING_FOUR = bytes(b for b in range(256) if not 0xF0 <= b <= 0xF4)


def estimate_tokens(text: str) -> int:
    """Returns roughly how many tokens a model counts for `text`; 0 only for the empty text.

    Used for budgets, and for servers that report no usage. Counts a token per four ASCII characters (the rule of thumb
    of https://help.openai.com/en/articles/4936856), per two characters of alphabets with two bytes in UTF-8 (Cyrillic,
    Greek, Hebrew, Arabic), per character with three bytes (Chinese, Japanese, Korean), and two tokens per character
    with four bytes (emoji). Vocabularies differ: an error of a quarter is usual.
    """
    if text.isascii():
        return -(-len(text) // 4)
    raw = text.encode("utf-8", "surrogatepass")
    others = raw.translate(None, delete=_ASCII)
    two = len(others.translate(None, delete=_NOT_LEADING_TWO))
    three = len(others.translate(None, delete=_NOT_LEADING_THREE))
    four = len(others.translate(None, delete=_NOT_LEADING_FOUR))
    quarters = (len(raw) - len(others)) + 2 * two + 4 * three + 8 * four
    return -(-quarters // 4)
