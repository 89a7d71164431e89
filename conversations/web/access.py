"""Looks up what belongs to the person who makes a request."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from accounts.access import MemberRequest
from conversations.models import Conversation, Project


def own_conversation(
    request: MemberRequest, conversation_id: UUID, among: QuerySet[Conversation] | None = None
) -> Conversation:
    """Returns the person's conversation. Raises Http404, for somebody else's as for one that does not exist."""
    rows = Conversation.objects.all() if among is None else among
    return get_object_or_404(rows, pk=conversation_id, owner=request.user)


def own_project(request: MemberRequest, project_id: UUID) -> Project:
    """Returns the person's project. Raises Http404 as `own_conversation` does."""
    return get_object_or_404(Project, pk=project_id, owner=request.user)
