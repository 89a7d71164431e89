"""Decorators that restrict views to signed-in users."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import first_start
from accounts.models import Preferences, User

P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """A request from a signed-in user, with the preferences that PreferencesMiddleware sets."""

    user: User
    preferences: Preferences


View = Callable[Concatenate[MemberRequest, P], HttpResponse]


def member_page(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Allows GET and HEAD for signed-in users. Redirects others to the sign-in page, or to the first start."""
    return require_safe(_require_member(view))


def member_form(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Allows GET, HEAD and POST for signed-in users. Redirects others as `member_page` does."""
    return require_http_methods(["GET", "HEAD", "POST"])(_require_member(view))


def member_action(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Allows POST for signed-in users. Redirects others to the sign-in page, which then leads to the home page."""
    return require_POST(_require_member(view, return_to_page=False))


def _require_member(
    view: View[P], *, return_to_page: bool = True
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Wraps a view. With `return_to_page`, the sign-in page leads back to the requested page, not to the home page."""

    @never_cache
    @functools.wraps(view)
    def wrapper(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)  # type: ignore[arg-type]
        if first_start.is_pending():
            return redirect("accounts:first_start")
        return redirect_to_login(request.get_full_path() if return_to_page else settings.LOGIN_REDIRECT_URL)

    return wrapper
