"""HTML for values on admin pages. Texts from users, models and tools are escaped."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def link_to(model: type[Model], pk: Any, text: object) -> SafeString:
    """Returns a link to the change page of a row."""
    opts = model._meta
    return format_html(
        '<a href="{}">{}</a>', reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[pk]), text
    )


def link_to_list(model: type[Model], text: object, **parameters: Any) -> SafeString:
    """Returns a link to the list of a model, filtered by the query parameters."""
    opts = model._meta
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist", query=parameters)
    return format_html('<a href="{}">{}</a>', url, text)


def verbatim(text: str) -> SafeString:
    """Returns the text with its white space preserved, or a hyphen if it is empty."""
    return format_html('<div class="verbatim" dir="auto">{}</div>', text) if text else SafeString("-")
