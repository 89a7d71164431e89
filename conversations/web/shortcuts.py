"""Look up objects of the signed-in person, or answer with 404."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from accounts.access import MemberRequest
from conversations.models import Conversation, Project


def get_conversation_or_404(
    request: MemberRequest, conversation_id: UUID, queryset: QuerySet[Conversation] | None = None
) -> Conversation:
    """Returns the person's conversation. Raises Http404, also if it is somebody else's."""
    conversations = Conversation.objects.all() if queryset is None else queryset
    return get_object_or_404(conversations, pk=conversation_id, owner=request.user)


def get_project_or_404(request: MemberRequest, project_id: UUID) -> Project:
    """Returns the person's project. Raises Http404, also if it is somebody else's."""
    return get_object_or_404(Project, pk=project_id, owner=request.user)


def get_project_id(request: MemberRequest) -> UUID | None:
    """Returns the query parameter `project`, None without one. Raises Http404 if it is not a UUID."""
    if "project" not in request.GET:
        return None
    try:
        return UUID(request.GET["project"])
    except ValueError:
        raise Http404 from None
