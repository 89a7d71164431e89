"""How values look on an admin page. What people, models and tools wrote is escaped here."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

NOTHING = "-"


def link_to(model: type[Model], pk: Any, text: object) -> SafeString:
    """A link to a row's own page."""
    opts = model._meta
    return format_html(
        '<a href="{}">{}</a>', reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[pk]), text
    )


def link_to_list(model: type[Model], text: object, **parameters: Any) -> SafeString:
    """A link to the list of a model, narrowed by its parameters."""
    opts = model._meta
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist", query=parameters)
    return format_html('<a href="{}">{}</a>', url, text)


def verbatim(text: str) -> SafeString:
    """A long text exactly as it was written, its white space included."""
    return format_html('<div class="verbatim" dir="auto">{}</div>', text) if text else SafeString(NOTHING)
