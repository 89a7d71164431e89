"""Lists of conversations: the archive, and further pages of any list."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import render

from accounts.access import MemberRequest, member_page
from conversations.queries.branches import BadCursor
from conversations.web.conversation_lists import (
    load_archived_conversations,
    load_project_conversations,
    load_sidebar_conversations,
)
from conversations.web.layout import layout_context
from conversations.web.shortcuts import get_project_id


@member_page
def archived_conversations(request: MemberRequest) -> HttpResponse:
    context = {**layout_context(request), "conversation_list": load_archived_conversations(request.user)}
    return render(request, "conversations/archived.html", context)


@member_page
def conversation_list(request: MemberRequest) -> HttpResponse:
    """Returns a page of a list as a fragment, after the cursor `before`.

    The list is that of the sidebar, with `project` that of a project, and with `archived` the archive.
    """
    before = request.GET.get("before")
    project_id = get_project_id(request)
    try:
        if project_id is not None:
            conversations = load_project_conversations(request.user, project_id, before)
        elif "archived" in request.GET:
            conversations = load_archived_conversations(request.user, before)
        else:
            conversations = load_sidebar_conversations(request.user, before)
    except BadCursor as error:
        raise BadRequest("Unknown cursor") from error
    return render(request, "conversations/_conversations.html", {"conversation_list": conversations})
