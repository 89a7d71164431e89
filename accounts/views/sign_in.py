"""First start, sign-in and sign-out."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import first_start
from accounts.forms.sign_in import FirstStartForm, SignInForm
from accounts.sessions import sign_in


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def create_first_account(request: HttpRequest) -> HttpResponse:
    if not first_start.is_pending():
        return redirect(settings.LOGIN_REDIRECT_URL)
    needs_code = first_start.needs_code(request)
    if needs_code:
        first_start.log_setup_code_once()
    form = FirstStartForm(request.POST or None, needs_code=needs_code)
    if not form.is_valid():
        return render(request, "accounts/first_start.html", {"form": form})
    try:
        user = first_start.create_administrator(form.save(commit=False))
    except first_start.AlreadySetUpError:
        return redirect("accounts:sign_in")
    sign_in(request, user)
    return redirect(settings.LOGIN_REDIRECT_URL)


class SignIn(LoginView):
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if first_start.is_pending():
            return redirect("accounts:first_start")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        sign_in(self.request, form.get_user())
        return redirect(self.get_success_url())


@never_cache
def sign_in_to_admin(request: HttpRequest) -> HttpResponse:
    """Replaces the admin's sign-in page, which has no throttle. Raises PermissionDenied for signed-in users."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next", reverse("admin:index")), login_url="accounts:sign_in")


class SignOut(LogoutView):
    next_page = "accounts:sign_in"
