"""The chat page, and the messages that its script loads on their own."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import render

from accounts.access import MemberRequest, member_page
from conversations.models import Conversation, Message
from conversations.queries.branches import BadCursor, load_branch_page, load_message
from conversations.queries.usage import with_tokens
from conversations.web.layout import layout_context
from conversations.web.markup import blank_markup, render_messages
from conversations.web.model_menu import build_model_menu
from conversations.web.shortcuts import get_conversation_or_404, get_project_id, get_project_or_404
from conversations.web.suggestions import suggestions
from conversations.web.transcript import prepare_messages

DIALOG_SETTINGS = ("model", "system_prompt", "temperature", "max_tokens", "thinking_enabled", "tools")
"""Fields of a conversation that people can change on its page."""
INITIAL_MESSAGES = 20
"""Messages on a page as it opens: with 50, a phone shows them half a second later."""
OLDER_MESSAGES = 50
"""Messages on each page of older ones."""


@member_page
def new_chat(request: MemberRequest) -> HttpResponse:
    """Shows an empty chat, in a project if the query parameter `project` names one."""
    project_id = get_project_id(request)
    project = None if project_id is None else get_project_or_404(request, project_id)
    context = {**_chat_context(request, Conversation()), "project": project, "suggestions": suggestions()}
    return render(request, "conversations/chat.html", context)


@member_page
def conversation_detail(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """Shows the newest messages of the active branch, or those before the cursor `before`."""
    conversations = Conversation.objects.select_related("project").defer("project__instructions")
    conversation = get_conversation_or_404(request, conversation_id, with_tokens(conversations))
    context = {
        **_chat_context(request, conversation),
        **_messages_context(request, conversation),
        "project": conversation.project,
    }
    return render(request, "conversations/chat.html", context)


@member_page
def message_list(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """Returns the messages that `conversation_detail` would show as a fragment."""
    conversation = get_conversation_or_404(request, conversation_id)
    return HttpResponse(_messages_context(request, conversation)["messages"])


@member_page
def message_detail(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Returns one message as a fragment."""
    conversation = get_conversation_or_404(request, conversation_id)
    try:
        message = load_message(conversation=conversation, message_id=message_id)
    except Message.DoesNotExist as error:
        raise Http404 from error
    return HttpResponse(render_messages(prepare_messages([message])))


def _chat_context(request: MemberRequest, conversation: Conversation) -> dict[str, Any]:
    """Returns the context of chat.html except for the messages."""
    default_model = request.preferences.default_model
    return {
        **layout_context(request),
        "model_menu": build_model_menu(conversation_model=conversation.model, default_model=default_model),
        "conversation_settings": json.dumps({name: getattr(conversation, name) for name in DIALOG_SETTINGS}),
        "thinking_enabled": conversation.thinking_enabled,
        **blank_markup(),
    }


def _messages_context(request: MemberRequest, conversation: Conversation) -> dict[str, Any]:
    """Returns the conversation, its `messages` as HTML and its `live_run`, if any. Raises BadRequest."""
    before = request.GET.get("before")
    limit = INITIAL_MESSAGES if before is None else OLDER_MESSAGES
    try:
        page = load_branch_page(conversation=conversation, before=before, limit=limit)
    except BadCursor as error:
        raise BadRequest("Unknown cursor") from error
    messages = prepare_messages(page.messages)
    return {
        "conversation": conversation,
        "messages": render_messages(messages, conversation=conversation, previous_cursor=page.previous_cursor),
        "live_run": next((message.run for message in messages if message.is_live), None),
    }
