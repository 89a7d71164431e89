"""Renders messages and their steps with Jinja2, which is many times as fast as Django's templates.

A page has hundreds of them. Django's templates render everything around them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jinja2
from django.template import loader
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from conversations.models import Conversation
from conversations.web import formatting
from conversations.web.icons import icon
from conversations.web.strings import STRINGS
from conversations.web.transcript import DisplayMessage, blank_messages, blank_steps

FILTERS = (
    formatting.argument_summary,
    formatting.arguments_preview,
    formatting.duration,
    formatting.failure_reason,
    formatting.result_preview,
    formatting.rounded_duration,
    formatting.thinking_label,
    formatting.tokens,
)


def environment(**options: Any) -> jinja2.Environment:
    """Creates the environment of Django's Jinja2 backend, in which an undefined variable is an error."""
    created = jinja2.Environment(**options, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 (it is among the options)
    created.undefined = jinja2.StrictUndefined
    created.filters.update({function.__name__: function for function in FILTERS})
    created.globals.update({"_": _gettext, "icon": icon, "url": _url, "strings": STRINGS})
    return created


def render_messages(
    messages: Sequence[DisplayMessage], *, conversation: Conversation | None = None, previous_cursor: str | None = None
) -> SafeString:
    """Renders messages, with a cursor also a link to the conversation's messages before them."""
    return _render("_messages", messages=messages, conversation=conversation, previous_cursor=previous_cursor)


def blank_markup() -> dict[str, SafeString]:
    """Returns the markup that the script clones for live messages and steps, as context for chat.html."""
    return dict(_blank_markup_in(get_language()))


@functools.cache
def _blank_markup_in(_language: str | None) -> dict[str, SafeString]:
    return {
        "blank_messages": render_messages(blank_messages()),
        "blank_steps": _render("_steps", steps=blank_steps(), is_live=True),
    }


def _render(name: str, **context: Any) -> SafeString:
    return SafeString(loader.get_template(f"conversations/{name}.html", using="jinja2").render(context))


def _gettext(text: str) -> str:
    return _gettext_in(get_language(), text)


@functools.cache
def _gettext_in(_language: str | None, text: str) -> str:
    # Cached because a page of messages has a thousand texts
    return gettext(text)


def _url(name: str, *arguments: Any) -> str:
    return reverse(name, args=arguments)
