from __future__ import annotations

import re

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_PAIR_OR_LONE = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff\0]")


def _repair(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) == 1:
        return _REPLACEMENT
    return chr(0x10000 + ((ord(found[0]) - 0xD800) << 10) + (ord(found[1]) - 0xDC00))


class TextRepair:
    """Makes text of fragments that every encoder and database takes: a surrogate pair that was split over two fragments
    is joined, a lone surrogate and NUL become U+FFFD. One object per sequence of fragments."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def mend(self, fragment: str) -> str:
        """Returns what is known of the text by now; a trailing half of a pair waits for the next fragment."""
        if fragment.isascii() and not self._held and "\0" not in fragment:
            return fragment
        text = self._held + fragment
        self._held = ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return _PAIR_OR_LONE.sub(_repair, text)

    def rest(self) -> str:
        """Returns what the half that still waited becomes, now that nothing follows."""
        held, self._held = self._held, ""
        return _REPLACEMENT if held else ""


def repaired(text: str) -> str:
    """The whole text at once."""
    return _PAIR_OR_LONE.sub(_repair, text)
