"""Replaces what no encoder and no database accepts in text: surrogates and NUL."""

from __future__ import annotations

import re

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_PAIR_OR_LONE = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff\0]")


def _repair_match(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) == 1:
        return _REPLACEMENT
    return chr(0x10000 + ((ord(found[0]) - 0xD800) << 10) + (ord(found[1]) - 0xDC00))


def repair_text(text: str) -> str:
    """Returns the text with surrogate pairs joined, and each lone surrogate and NUL replaced by U+FFFD."""
    return _PAIR_OR_LONE.sub(_repair_match, text)


class TextRepairer:
    """Repairs a text that arrives in fragments, also where a surrogate pair is split between two of them."""

    __slots__ = ("_high_surrogate",)

    def __init__(self) -> None:
        self._high_surrogate = ""

    def feed(self, fragment: str) -> str:
        """Returns the repaired fragment. A high surrogate at its end is held back until the next one."""
        if fragment.isascii() and not self._high_surrogate and "\0" not in fragment:
            return fragment
        text = self._high_surrogate + fragment
        self._high_surrogate = ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._high_surrogate = text[:-1], text[-1]
        return repair_text(text)

    def flush(self) -> str:
        """Returns the replacement of a high surrogate that was held back, else an empty string."""
        held, self._high_surrogate = self._high_surrogate, ""
        return _REPLACEMENT if held else ""
