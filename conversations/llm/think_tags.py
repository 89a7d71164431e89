"""Separates thinking from text where a server leaves the tags of thinking in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conversations.llm.types import TextDelta, TextWasThinking, ThinkingDelta

Part = tuple[type[TextDelta | ThinkingDelta], str] | TextWasThinking

_OPEN = "<think>"
_CLOSE = "</think>"
_TAG = re.compile(rf"{_OPEN}|(?<![`'\"]){_CLOSE}")
_MAX_INDENT = 64


class ThinkTagSplitter:
    """Splits fragments of text at `<think>` and `</think>`.

    `<think>...</think>` counts only at the very beginning of the text. A `</think>` without an opening tag, which
    models send whose prompt already contains it, turns all text before it into thinking. All other tags are text that
    the model writes about tags: a closing tag after an opening one inside the text, or right after a quotation mark or
    backquote. White space after the closing tag is dropped.
    """

    __slots__ = ("_held", "_last_character", "_split", "done", "in_text")

    def __init__(self) -> None:
        self._held = ""
        """The end of the last fragment, where it may be the beginning of a tag."""
        self._last_character = ""
        self._split = self._split_start
        self.in_text = False
        """Whether the text so far is text, unless a closing tag follows."""
        self.done = False
        """Whether all further fragments are text, so that they need not be split."""

    def is_text(self, fragment: str) -> bool:
        """Returns whether `split` would return just the fragment as text; if so, records it instead of `split`."""
        if not self.in_text or self._held or "<" in fragment:
            return False
        self._last_character = fragment[-1]
        return True

    def split(self, fragment: str) -> Iterator[Part]:
        """Yields nonempty parts. Holds back what may be the beginning of a tag."""
        text = self._held + fragment
        self._held = ""
        for part in self._split(text):
            if isinstance(part, TextWasThinking) or part[1]:
                yield part

    def flush(self) -> Iterator[Part]:
        """Yields what was held back, as no text follows."""
        held, self._held = self._held, ""
        if held:
            yield ThinkingDelta if self._split == self._split_thinking else TextDelta, held

    def interrupt(self) -> Iterator[Part]:
        """Ends the search for tags, unless one is open, because something other than text arrived."""
        if self.in_text or self._split == self._split_start:
            yield from self.flush()
            self.done = True

    def _split_start(self, text: str) -> Iterator[Part]:
        start = text.lstrip()
        if len(text) - len(start) <= _MAX_INDENT:
            if start.startswith(_OPEN):
                self._split = self._split_thinking
                yield from self._split_thinking(start.removeprefix(_OPEN))
                return
            if start.startswith(_CLOSE):
                self._split = self._split_after_thinking
                yield from self._split_after_thinking(start.removeprefix(_CLOSE))
                return
            if _OPEN.startswith(start) or _CLOSE.startswith(start):
                self._held = text
                return
        self._split = self._split_text
        self.in_text = True
        yield from self._split_text(text)

    def _split_thinking(self, text: str) -> Iterator[Part]:
        thinking, tag, after = text.partition(_CLOSE)
        if tag:
            yield ThinkingDelta, thinking
            self._split = self._split_after_thinking
            yield from self._split_after_thinking(after)
        else:
            yield ThinkingDelta, self._hold_back_partial_tag(text)

    def _split_text(self, text: str) -> Iterator[Part]:
        tag = _TAG.search(self._last_character + text)
        if tag is None:
            text = self._hold_back_partial_tag(text)
            self._last_character = text[-1:] or self._last_character
            yield TextDelta, text
        elif tag[0] == _OPEN:
            yield from self._pass_through(text)
        else:
            end = tag.end() - len(self._last_character)
            yield TextDelta, text[: end - len(_CLOSE)]
            yield TextWasThinking()
            self._split = self._split_after_thinking
            self.in_text = False
            yield from self._split_after_thinking(text[end:])

    def _split_after_thinking(self, text: str) -> Iterator[Part]:
        text = text.lstrip()
        if text:
            yield from self._pass_through(text)

    def _pass_through(self, text: str) -> Iterator[Part]:
        self._split = self._pass_through
        self.done = True
        yield TextDelta, text

    def _hold_back_partial_tag(self, text: str) -> str:
        """Returns the text without the beginning of a tag at its end, which is held back."""
        start = text.rfind("<")
        if start >= 0 and (_OPEN.startswith(text[start:]) or _CLOSE.startswith(text[start:])):
            text, self._held = text[:start], text[start:]
        return text
