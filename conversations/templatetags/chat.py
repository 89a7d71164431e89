"""What the chat's templates say. The script says the same of live steps (steps.js, strings.js)."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from django import template
from django.utils.translation import get_language

from conversations.web.icons import icon
from conversations.web.strings import STRINGS

register = template.Library()


@register.simple_tag
def words() -> Mapping[str, str]:
    return _words_in(get_language())


@functools.cache
def _words_in(language: str | None) -> Mapping[str, str]:
    """Of the active language: a page says them hundreds of times."""
    return {name: str(text) for name, text in STRINGS.items()}


register.simple_tag(icon)


@register.filter
def token_size(tokens: int) -> str:
    """A context window as its makers call it: `8K`, `128K` (131,072 as well as 128,000), `1M`."""
    unit = 1024 if tokens % 1024 == 0 else 1000
    thousands = tokens / unit
    return f"{thousands:.0f}K" if thousands < unit else f"{thousands / unit:.3g}M"
