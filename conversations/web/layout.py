"""What is around every page of somebody who is signed in."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from accounts.access import MemberRequest
from conversations.models import Project
from conversations.web.conversation_lists import load_sidebar

PROJECTS_SHOWN = 5


def frame(request: MemberRequest) -> dict[str, Any]:
    """What layout.html needs, in two queries."""
    newest = Project.objects.filter(owner=request.user).order_by("-created_at", "-pk").only("name")
    return {
        "sidebar": load_sidebar(request.user),
        "image_hosts": " ".join(settings.IMAGE_HOSTS),
        "sidebar_projects": list(newest[:PROJECTS_SHOWN]),
    }
