from __future__ import annotations

import re
from collections.abc import Iterator

from conversations.llm.types import TextDelta, TextWasThinking, ThinkingDelta

Part = tuple[type[TextDelta | ThinkingDelta], str] | TextWasThinking

_OPEN = "<think>"
_CLOSE = "</think>"
_TAG = re.compile(rf"{_OPEN}|(?<![`'\"]){_CLOSE}")
_LONGEST_INDENT = 64


class ThinkTagSplitter:
    """Tells thinking from text where a server leaves the tags of thinking in the text.

    `<think>...</think>` counts at the very beginning of the text. `</think>` alone, where the prompt already had the
    opening tag, makes thinking of all text before it. Otherwise tags are something that the model writes about: a
    closing tag behind an opening one in the midst of text, or right behind a quotation mark or a backquote.
    White space after the closing tag is dropped.
    """

    __slots__ = ("_before", "_held", "_split", "passing", "watching")

    def __init__(self) -> None:
        self._held = ""
        self._before = ""
        """The last character of the text so far."""
        self._split = self._begin
        self.watching = False
        """What came is text, unless a closing tag is still to come."""
        self.passing = False
        """Nothing can be thinking any more: fragments need not come through here."""

    def is_text(self, fragment: str) -> bool:
        """Whether the fragment is text as it stands, and taken note of: `split` is not needed for it."""
        if not self.watching or self._held or "<" in fragment:
            return False
        self._before = fragment[-1]
        return True

    def split(self, fragment: str) -> Iterator[Part]:
        """Yields parts, none of them empty, keeping back what may be the beginning of a tag."""
        text = self._held + fragment
        self._held = ""
        for part in self._split(text):
            if isinstance(part, TextWasThinking) or part[1]:
                yield part

    def rest(self) -> Iterator[Part]:
        """Yields what was kept back, now that nothing follows."""
        held, self._held = self._held, ""
        if held:
            yield ThinkingDelta if self._split == self._think else TextDelta, held

    def settle(self) -> Iterator[Part]:
        """Something other than text has come: what went before it stays text, and so does what follows, unless a tag
        is open."""
        if self.watching or self._split == self._begin:
            yield from self.rest()
            self.passing = True

    def _begin(self, text: str) -> Iterator[Part]:
        start = text.lstrip()
        if len(text) - len(start) <= _LONGEST_INDENT:
            if start.startswith(_OPEN):
                self._split = self._think
                yield from self._think(start.removeprefix(_OPEN))
                return
            if start.startswith(_CLOSE):
                self._split = self._after
                yield from self._after(start.removeprefix(_CLOSE))
                return
            if _OPEN.startswith(start) or _CLOSE.startswith(start):
                self._held = text
                return
        self._split = self._watch
        self.watching = True
        yield from self._watch(text)

    def _think(self, text: str) -> Iterator[Part]:
        thinking, tag, after = text.partition(_CLOSE)
        if tag:
            yield ThinkingDelta, thinking
            self._split = self._after
            yield from self._after(after)
        else:
            yield ThinkingDelta, self._without_begun_tag(text)

    def _watch(self, text: str) -> Iterator[Part]:
        tag = _TAG.search(self._before + text)
        if tag is None:
            text = self._without_begun_tag(text)
            self._before = text[-1:] or self._before
            yield TextDelta, text
        elif tag[0] == _OPEN:
            yield from self._pass(text)
        else:
            end = tag.end() - len(self._before)
            yield TextDelta, text[: end - len(_CLOSE)]
            yield TextWasThinking()
            self._split = self._after
            self.watching = False
            yield from self._after(text[end:])

    def _after(self, text: str) -> Iterator[Part]:
        text = text.lstrip()
        if text:
            yield from self._pass(text)

    def _pass(self, text: str) -> Iterator[Part]:
        self._split = self._pass
        self.passing = True
        yield TextDelta, text

    def _without_begun_tag(self, text: str) -> str:
        """Keeps back what, at the end of the text, may be the beginning of a tag."""
        possible = text.rfind("<")
        if possible >= 0 and (_OPEN.startswith(text[possible:]) or _CLOSE.startswith(text[possible:])):
            text, self._held = text[:possible], text[possible:]
        return text
