"""The icons in icons.svg."""

from __future__ import annotations

import functools

from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString


@functools.cache
def icon(name: str) -> SafeString:
    """Returns an icon in the size of the surrounding text, hidden from screen readers."""
    sprite = static("conversations/icons.svg")
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', sprite, name)
