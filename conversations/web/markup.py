"""The markup of messages and their steps. It is written hundreds of times on a page, so Jinja2 makes it, which is many
times as fast as Django's templates; everything around it is theirs."""

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
from conversations.web.transcript import ShownMessage, blank_messages, blank_steps

FILTERS = (
    formatting.argument_summary,
    formatting.duration,
    formatting.failure,
    formatting.shown_arguments,
    formatting.shown_result,
    formatting.thought,
    formatting.tokens,
    formatting.whole_seconds,
)


def environment(**options: Any) -> jinja2.Environment:
    """For Django's Jinja2 backend. What a template names has to be there."""
    made = jinja2.Environment(**options, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 (the backend asks for escaping)
    made.undefined = jinja2.StrictUndefined
    made.filters.update({each.__name__: each for each in FILTERS})
    made.globals.update({"_": _said, "icon": icon, "url": _url, "words": STRINGS})
    return made


def render_messages(
    shown: Sequence[ShownMessage], *, conversation: Conversation | None = None, previous_cursor: str | None = None
) -> SafeString:
    """With a cursor, a link to the messages of the conversation that come before."""
    return _render("_messages", messages_shown=shown, conversation=conversation, previous_cursor=previous_cursor)


def render_blanks() -> dict[str, SafeString]:
    """What the script makes live messages and steps from, as a page's context."""
    return dict(_blanks_in(get_language()))


@functools.cache
def _blanks_in(_language: str | None) -> dict[str, SafeString]:
    return {
        "blank_messages": render_messages(blank_messages()),
        "blank_steps": _render("_steps", steps_shown=blank_steps(), is_live=True),
    }


def _render(name: str, **context: Any) -> SafeString:
    return SafeString(loader.get_template(f"conversations/{name}.html", using="jinja2").render(context))


def _said(text: str) -> str:
    return _said_in(get_language(), text)


@functools.cache
def _said_in(_language: str | None, text: str) -> str:
    """Looked up once in each language: a page of messages has a thousand texts."""
    return gettext(text)


def _url(name: str, *arguments: Any) -> str:
    return reverse(name, args=arguments)
