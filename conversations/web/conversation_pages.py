"""Pages about many conversations."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import render

from accounts.access import MemberRequest, member_page
from conversations.queries.branches import BadCursor
from conversations.web.conversation_lists import ConversationList, load_archived, load_project, load_sidebar
from conversations.web.layout import frame


@member_page
def archived(request: MemberRequest) -> HttpResponse:
    return render(request, "conversations/archived.html", {**frame(request), "list": load_archived(request.user)})


@member_page
def conversations(request: MemberRequest) -> HttpResponse:
    """A page of a list alone: after the cursor `before`, in the column, in a `project`, or of what is `archived`."""
    try:
        found = _load(request, request.GET.get("before"))
    except BadCursor as error:
        raise BadRequest("Unknown cursor") from error
    return render(request, "conversations/_conversations.html", {"list": found})


def _load(request: MemberRequest, before: str | None) -> ConversationList:
    if "project" in request.GET:
        try:
            project_id = UUID(request.GET["project"])
        except ValueError:
            raise Http404 from None
        return load_project(request.user, project_id, before)
    load = load_archived if "archived" in request.GET else load_sidebar
    return load(request.user, before)
