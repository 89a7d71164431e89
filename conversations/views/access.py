"""Who may see a page."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from conversations import first_start
from conversations.models import Conversation, Preferences, Project

P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """A request of somebody who is signed in."""

    user: User
    preferences: Preferences


View = Callable[Concatenate[MemberRequest, P], HttpResponse]


def member_page(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Only read, by who is signed in; others are led to sign in, or to the first start while there is nobody."""
    return require_safe(_for_members(view))


def member_form(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Read, and sent back to where it came from, likewise."""
    return require_http_methods(["GET", "HEAD", "POST"])(_for_members(view))


def member_action(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Only sent, likewise."""
    return require_POST(_for_members(view, returns=False))


def _for_members(view: View[P], *, returns: bool = True) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """`returns`: who has signed in is led back."""

    @never_cache
    @functools.wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)  # type: ignore[arg-type]
        if first_start.is_pending():
            return redirect("conversations:first_start")
        wanted = request.get_full_path() if returns else reverse("conversations:new_chat")
        return redirect_to_login(wanted, login_url="conversations:sign_in")

    return guarded


def own_conversation(
    request: MemberRequest, conversation_id: UUID, among: QuerySet[Conversation] | None = None
) -> Conversation:
    """Raises Http404, for somebody else's as for one that does not exist."""
    return get_object_or_404(
        Conversation.objects.all() if among is None else among, pk=conversation_id, owner=request.user
    )


def own_project(request: MemberRequest, project_id: UUID) -> Project:
    """Raises Http404 likewise."""
    return get_object_or_404(Project, pk=project_id, owner=request.user)
