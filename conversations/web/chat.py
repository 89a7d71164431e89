"""The chat: a new one, a conversation, and the pieces of them that the script asks for."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import render

from accounts.access import MemberRequest, member_page
from conversations.models import Conversation, Message, Project
from conversations.queries.branches import BadCursor, load_branch_page, load_message
from conversations.queries.usage import with_tokens
from conversations.web import markup, transcript
from conversations.web.access import own_conversation, own_project
from conversations.web.layout import frame
from conversations.web.model_menu import offer_models
from conversations.web.suggestions import suggestions

SETTINGS = ("model", "system_prompt", "temperature", "max_tokens", "thinking_enabled", "tools")
"""Of a conversation, those that its page lets people change."""
NEWEST, OLDER = 20, 50
"""Messages that a page has at first, and those that come as the reader goes back: few are there sooner, on a phone by
half a second."""


@member_page
def new_chat(request: MemberRequest) -> HttpResponse:
    shown = {"project": _project(request), "suggestions": suggestions()}
    return render(request, "conversations/chat.html", {**_frame(request, Conversation()), **shown})


@member_page
def conversation(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """The newest messages of the active branch, or those before the cursor `before`."""
    known = Conversation.objects.select_related("project").defer("project__instructions")
    found = own_conversation(request, conversation_id, with_tokens(known))
    return render(
        request,
        "conversations/chat.html",
        {**_frame(request, found), "project": found.project, **_messages(request, found)},
    )


@member_page
def messages(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """The same messages alone, without the page around them."""
    found = own_conversation(request, conversation_id)
    return HttpResponse(_messages(request, found)["messages"])


@member_page
def message(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """One message alone."""
    found = own_conversation(request, conversation_id)
    try:
        one = load_message(conversation=found, message_id=message_id)
    except Message.DoesNotExist as error:
        raise Http404 from error
    return HttpResponse(markup.render_messages(transcript.show([one])))


def _project(request: MemberRequest) -> Project | None:
    """The one that a new chat is to belong to."""
    if "project" not in request.GET:
        return None
    try:
        return own_project(request, UUID(request.GET["project"]))
    except ValueError:
        raise Http404 from None


def _frame(request: MemberRequest, shown: Conversation) -> dict[str, Any]:
    """What is around the messages of every chat page."""
    preferred = request.preferences.default_model
    return {
        **frame(request),
        "models": offer_models(chosen=shown.model, preferred=preferred),
        "conversation_settings": json.dumps({name: getattr(shown, name) for name in SETTINGS}),
        "thinking_enabled": shown.thinking_enabled,
        **markup.render_blanks(),
    }


def _messages(request: MemberRequest, found: Conversation) -> dict[str, Any]:
    before = request.GET.get("before")
    try:
        page = load_branch_page(conversation=found, before=before, limit=NEWEST if before is None else OLDER)
    except BadCursor as error:
        raise BadRequest("Unknown cursor") from error
    shown = transcript.show(page.messages)
    return {
        "conversation": found,
        "messages": markup.render_messages(shown, conversation=found, previous_cursor=page.previous_cursor),
        "live_run": next((one.run for one in shown if one.is_live), None),
    }
