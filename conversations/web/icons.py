"""The drawings of icons.svg."""

from __future__ import annotations

import functools

from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString


@functools.cache
def icon(name: str) -> SafeString:
    """A drawing from icons.svg, as large as the letters around it; it says nothing to a screen reader."""
    sprite = static("conversations/icons.svg")
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', sprite, name)
