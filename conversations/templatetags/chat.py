"""Tags and filters for the templates around the messages."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from django import template
from django.utils.translation import get_language

from conversations.web.icons import icon
from conversations.web.strings import STRINGS

register = template.Library()


@register.simple_tag
def strings() -> Mapping[str, str]:
    """Returns the texts that templates and scripts share, in the active language."""
    return _strings_in(get_language())


@functools.cache
def _strings_in(_language: str | None) -> Mapping[str, str]:
    # Cached because a page uses the tag hundreds of times
    return {name: str(text) for name, text in STRINGS.items()}


register.simple_tag(icon)


@register.filter
def token_size(tokens: int) -> str:
    """Formats a context window as vendors do: `8K`, `128K` (for 131,072 as well as 128,000), `1M`."""
    unit = 1024 if tokens % 1024 == 0 else 1000
    thousands = tokens / unit
    return f"{thousands:.0f}K" if thousands < unit else f"{thousands / unit:.3g}M"
