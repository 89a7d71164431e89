"""What people set for themselves: a page for each part, each a form that is answered with the page again."""

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

from accounts import deletion, sessions
from accounts.access import MemberRequest, member_action, member_form
from accounts.forms.settings import (
    DeletionForm,
    DisplayForm,
    PasswordForm,
    PreferencesForm,
    ProfileForm,
    TokenForm,
    zone_names,
)
from accounts.models import ApiToken, Preferences, User


@member_form
def profile(request: MemberRequest) -> HttpResponse:
    # Not the user of the request: the page would show what was refused
    person = User.objects.get(pk=request.user.pk)
    form = ProfileForm(request.POST or None, instance=person)
    if form.is_valid():
        form.save()
        return saved(request, "accounts:settings_profile")
    return page(request, "profile", form=form)


@member_form
def display(request: MemberRequest) -> HttpResponse:
    template, address = "accounts/settings/display.html", "accounts:settings_display"
    return preferences_page(request, template, DisplayForm, section="display", address=address)


def preferences_page(
    request: MemberRequest, template: str, kind: type[PreferencesForm], *, section: str, address: str
) -> HttpResponse:
    """Shows a form of the person's preferences, or stores what was sent and redirects to `address`, a URL name."""
    form = kind(request.preferences, request.POST or None)
    if not form.is_valid():
        return render(request, template, {"section": section, "form": form})
    chosen = form.save().language or translation.get_language_from_request(request)
    with translation.override(chosen):
        return saved(request, address)


@member_action
def tell_time_zone(request: MemberRequest) -> HttpResponse:
    """The browser's own zone, told by the page whenever it is another than before."""
    zone = request.POST.get("zone", "")
    if zone != "UTC" and zone not in zone_names():
        raise BadRequest("Unknown time zone")
    Preferences.objects.update_or_create(user=request.user, defaults={"browser_time_zone": zone})
    return HttpResponse(status=204)


@sensitive_post_parameters()
@member_form
def security(request: MemberRequest) -> HttpResponse:
    """Changing the password ends every other session, as their signature is made with it."""
    form = PasswordForm(request.user, request.POST or None)
    if form.is_valid():
        update_session_auth_hash(request, form.save())
        return saved(request, "accounts:settings_security", gettext("Your password is changed."))
    return page(request, "security", form=form, sessions=sessions.sessions_of(request))


@member_action
def end_session(request: MemberRequest) -> HttpResponse:
    """One of the person's other sessions, or all of them."""
    wanted = request.POST.get("session")
    others = [one for one in sessions.sessions_of(request) if not one.is_this and wanted in (None, one.id)]
    sessions.end(others)
    return saved(request, "accounts:settings_security", gettext("Signed out there."))


@member_form
def tokens(request: MemberRequest) -> HttpResponse:
    """The text of a new token is in the answer to its making alone."""
    form = TokenForm(request.POST or None)
    made: dict[str, Any] = {}
    if form.is_valid():
        token, text = ApiToken.objects.issue(user_id=request.user.pk, name=form.cleaned_data["name"])
        made = {"new_token": token, "new_text": text}
        form = TokenForm()
    valid = ApiToken.objects.filter(user=request.user, revoked_at=None).order_by("-id")
    return page(request, "tokens", form=form, tokens=valid, **made)


@member_action
def revoke_token(request: MemberRequest, token_id: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=token_id, user=request.user)
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    revoked = gettext("“{name}” is revoked.").format(name=token)
    return saved(request, "accounts:settings_tokens", revoked)


@sensitive_post_parameters()
@member_form
def delete_account(request: MemberRequest) -> HttpResponse:
    person = User.objects.get(pk=request.user.pk)
    is_last = deletion.is_last_administrator(person)
    form = DeletionForm(person, request.POST or None)
    if form.is_valid() and not is_last:
        with suppress(deletion.LastAdministratorError):
            deletion.delete_account(person)
            logout(request)
            return redirect("accounts:sign_in")
    return page(request, "delete", form=form, is_last_administrator=is_last)


def page(request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    return render(request, f"accounts/settings/{name}.html", {"section": name, **context})


def saved(request: HttpRequest, address: str, said: str = "") -> HttpResponse:
    """Leads to the page anew, which says so."""
    messages.success(request, said or gettext("Saved."))
    return redirect(address)
