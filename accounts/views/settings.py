"""The settings pages of a user."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters

from accounts import deletion
from accounts.access import MemberRequest, member_action, member_form
from accounts.forms.settings import (
    DeletionForm,
    DisplayForm,
    PasswordForm,
    PreferencesForm,
    ProfileForm,
    TokenForm,
    time_zone_names,
)
from accounts.models import ApiToken, Preferences, User
from accounts.sessions import end_sessions, list_sessions


@member_form
def profile(request: MemberRequest) -> HttpResponse:
    # Not request.user, as the form changes its instance even if it is invalid, and the page shows request.user.
    user = User.objects.get(pk=request.user.pk)
    form = ProfileForm(request.POST or None, instance=user)
    if form.is_valid():
        form.save()
        return _redirect_saved(request, "accounts:settings_profile")
    return _render(request, "profile", form=form)


@member_form
def display(request: MemberRequest) -> HttpResponse:
    template, url_name = "accounts/settings/display.html", "accounts:settings_display"
    return preferences_page(request, template, DisplayForm, section="display", url_name=url_name)


def preferences_page(
    request: MemberRequest, template: str, form_class: type[PreferencesForm], *, section: str, url_name: str
) -> HttpResponse:
    """Shows a form of the user's preferences. Saves it if it was sent and is valid, and redirects to `url_name`."""
    form = form_class(request.preferences, request.POST or None)
    if not form.is_valid():
        return render(request, template, {"section": section, "form": form})
    # The next page is in the language that was chosen, and so is its message.
    language = form.save().language or translation.get_language_from_request(request)
    with translation.override(language):
        return _redirect_saved(request, url_name)


@member_action
def set_browser_time_zone(request: MemberRequest) -> HttpResponse:
    """Stores the browser's time zone. Pages send it when it differs from the stored one."""
    zone = request.POST.get("zone", "")
    if zone != "UTC" and zone not in time_zone_names():
        raise BadRequest("Unknown time zone")
    Preferences.objects.update_or_create(user=request.user, defaults={"browser_time_zone": zone})
    return HttpResponse(status=204)


@sensitive_post_parameters()
@member_form
def security(request: MemberRequest) -> HttpResponse:
    """Changes the password, which ends all other sessions, and lists the sessions."""
    form = PasswordForm(request.user, request.POST or None)
    if form.is_valid():
        update_session_auth_hash(request, form.save())
        return _redirect_saved(request, "accounts:settings_security", gettext("Your password has been changed."))
    return _render(request, "security", form=form, sessions=list_sessions(request))


@member_action
def end_session(request: MemberRequest) -> HttpResponse:
    """Ends the session whose `public_id` was sent, or all but the current one if none was."""
    wanted = request.POST.get("session")
    others = [session for session in list_sessions(request) if not session.is_current]
    end_sessions(session for session in others if wanted in (None, session.public_id))
    return _redirect_saved(request, "accounts:settings_security", gettext("Signed out there."))


@member_form
def tokens(request: MemberRequest) -> HttpResponse:
    """Lists the valid tokens and issues new ones. The response that issues a token is the only one with its text."""
    form = TokenForm(request.POST or None)
    new: dict[str, Any] = {}
    if form.is_valid():
        token, text = ApiToken.objects.issue(user_id=request.user.pk, name=form.cleaned_data["name"])
        new = {"new_token": token, "new_text": text}
        form = TokenForm()
    valid = ApiToken.objects.filter(user=request.user, revoked_at=None).order_by("-id")
    return _render(request, "tokens", form=form, tokens=valid, **new)


@member_action
def revoke_token(request: MemberRequest, token_id: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=token_id, user=request.user)
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    message = gettext("“{name}” has been revoked.").format(name=token)
    return _redirect_saved(request, "accounts:settings_tokens", message)


@sensitive_post_parameters()
@member_form
def delete_account(request: MemberRequest) -> HttpResponse:
    user = User.objects.get(pk=request.user.pk)
    is_last = deletion.is_last_administrator(user)
    form = DeletionForm(user, request.POST or None)
    if form.is_valid() and not is_last:
        with suppress(deletion.LastAdministratorError):
            deletion.delete_account(user)
            logout(request)
            return redirect("accounts:sign_in")
    return _render(request, "delete", form=form, is_last_administrator=is_last)


def _render(request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    return render(request, f"accounts/settings/{name}.html", {"section": name, **context})


def _redirect_saved(request: HttpRequest, url_name: str, message: str = "") -> HttpResponse:
    """Redirects to a page that shows the message, or else that the form was saved."""
    messages.success(request, message or gettext("Saved."))
    return redirect(url_name)
