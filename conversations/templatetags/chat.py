"""What the chat's templates say. The script says the same of live steps (steps.js, words.js)."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass

from django import template
from django.templatetags.i18n import TranslateNode, do_translate
from django.templatetags.static import static
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from conversations.models import Step
from conversations.views.words import WORDS

register = template.Library()

SUMMARY_LENGTH = 200
SHOWN_LENGTH = 20_000
"""Characters of a call's arguments or of its result that a page shows at first."""


@register.simple_tag
def words() -> Mapping[str, str]:
    return _words_in(get_language())


@functools.cache
def _words_in(language: str | None) -> Mapping[str, str]:
    """Of the active language: a page says them hundreds of times."""
    return {name: str(text) for name, text in WORDS.items()}


class _Translation(template.Node):
    def __init__(self, node: TranslateNode) -> None:
        self._node = node
        self._texts: dict[str | None, str] = {}

    def render(self, context: template.Context) -> str:
        language = get_language()
        if language not in self._texts:
            self._texts[language] = self._node.render(context)
        return self._texts[language]


@register.tag
def translate(parser: template.base.Parser, token: template.base.Token) -> template.Node:
    """Django's, in its place where this library is loaded behind `i18n`; but a text is looked up once in each language:
    a page of messages has a thousand of them, and looking them up was a quarter of its cost."""
    node: TranslateNode = do_translate(parser, token)
    said = node.filter_expression
    is_text = said.var.literal is not None and not said.filters
    return _Translation(node) if is_text and not (node.asvar or node.message_context) else node


@register.simple_tag
@functools.cache
def icon(name: str) -> SafeString:
    """A drawing from icons.svg, as large as the letters around it; it says nothing to a screen reader."""
    sprite = static("conversations/icons.svg")
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', sprite, name)


@register.filter
def duration(seconds: float) -> str:
    """In the unit that a person would use: `12 ms`, `3.4 s`, `75 s` as `1 min 15 s`."""
    if seconds < 1:
        return str(WORDS["milliseconds"]).replace("{n}", str(max(1, _round(seconds * 1000))))
    if seconds < 10:
        return str(WORDS["seconds"]).replace("{n}", number_format(f"{_round(seconds * 10) / 10:g}"))
    return whole_seconds(seconds)


@register.filter
def whole_seconds(seconds: float) -> str:
    """As a person counts: at least one."""
    minutes, rest = divmod(max(1, _round(seconds)), 60)
    if minutes:
        return str(WORDS["minutes"]).replace("{minutes}", str(minutes)).replace("{seconds}", str(rest))
    return str(WORDS["seconds"]).replace("{n}", str(rest))


@register.filter
def token_size(tokens: int) -> str:
    """A context window as its makers call it: `8K`, `128K` (131,072 as well as 128,000), `1M`."""
    unit = 1024 if tokens % 1024 == 0 else 1000
    thousands = tokens / unit
    return f"{thousands:.0f}K" if thousands < unit else f"{thousands / unit:.3g}M"


@register.filter
def thought(step: Step) -> str:
    """The heading of a finished thinking step."""
    if step.duration is None:
        return str(WORDS["thought"])
    return str(WORDS["thought_for"]).replace("{duration}", whole_seconds(step.duration))


@register.filter
def argument_summary(arguments: str) -> str:
    """A call's arguments in one line: a single one by its value, several as `name: value`. Other text as it is."""
    values = _parsed(arguments)
    if not isinstance(values, dict):
        line = arguments
    elif len(values) == 1:
        line = _line(*values.values())
    else:
        line = ", ".join(f"{name}: {_line(value)}" for name, value in values.items())
    return _sendable(" ".join(line.split())[:SUMMARY_LENGTH])


@dataclass(frozen=True, slots=True)
class ShownText:
    """The beginning of a text, and what the button says that leads to the whole."""

    text: str
    is_cut: bool
    offer: str


@register.filter
def shown_arguments(step: Step) -> ShownText:
    """A call's arguments, over several lines where they are JSON."""
    return _shown(pretty_json(step.arguments), step, step.arguments)


@register.filter
def shown_result(step: Step | None) -> ShownText:
    """What a tool gave; nothing of a call that has no result."""
    if step is None:
        return ShownText("", False, "")
    is_whole = step.size <= len(step.content)
    return _shown(tool_outcome(step.content if is_whole else _closed(step.content)), step, step.content)


def _shown(text: str, step: Step, loaded: str) -> ShownText:
    is_cut = step.size > len(loaded) or len(text) > SHOWN_LENGTH
    return ShownText(text[:SHOWN_LENGTH], is_cut, show_all(step.size) if is_cut else "")


def show_all(characters: int) -> str:
    size = f"{_round(characters / 1000)} KB" if characters < 999_500 else f"{_round(characters / 100_000) / 10:g} MB"
    return str(WORDS["show_all"]).replace("{size}", size)


def _closed(beginning: str) -> str:
    """JSON that was cut within its last string, as most results are, with that string ended; else as it is."""
    for dropped in range(_LONGEST_ESCAPE):
        closed = beginning[: len(beginning) - dropped] + '"}'
        if _parsed(closed) is not None:
            return closed
    return beginning


def pretty_json(text: str) -> str:
    """JSON over several lines; what is not JSON, as it is."""
    value = _parsed(text)
    return text if value is None else _lines(value, text)


def tool_outcome(content: str) -> str:
    """What a tool gave, out of the JSON that the model was told: its result, or the sentence about its failure."""
    value = _parsed(content)
    if not isinstance(value, dict):
        return content
    outcome = value.get("result", value.get("error", value))
    return _sendable(outcome) if isinstance(outcome, str) else _lines(outcome, content)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _line(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _lines(value: object, text: str) -> str:
    try:
        return _sendable(json.dumps(value, indent=2, ensure_ascii=False))
    except RecursionError:
        return text


def _sendable(text: str) -> str:
    """JSON may escape half of a surrogate pair, which no page can carry."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_LONGEST_ESCAPE = len("\\u1234")


def _round(number: float) -> int:
    return int(number + 0.5)
