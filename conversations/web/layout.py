"""The context of the layout around every page of the app."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from accounts.access import MemberRequest
from conversations.models import Project
from conversations.web.conversation_lists import load_sidebar_conversations

MAX_SIDEBAR_PROJECTS = 5


def layout_context(request: MemberRequest) -> dict[str, Any]:
    """Returns the context of layout.html. Makes two queries."""
    projects = Project.objects.filter(owner=request.user).order_by("-created_at", "-pk").only("name")
    return {
        "sidebar_conversations": load_sidebar_conversations(request.user),
        "image_hosts": " ".join(settings.IMAGE_HOSTS),
        "sidebar_projects": list(projects[:MAX_SIDEBAR_PROJECTS]),
    }
