from __future__ import annotations

import math
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, BaseUserCreationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import first_start, sign_in_throttle
from accounts.models import User


class SignInForm(AuthenticationForm):
    """Reveals neither which of the two is wrong nor whether the account exists."""

    _WRONG = _("The username or password is incorrect.")
    error_messages = {"invalid_login": _WRONG, "inactive": _WRONG}

    def clean(self) -> dict[str, Any]:
        username = self.cleaned_data.get("username") or ""
        if self.request is None:
            return super().clean()
        if wait := sign_in_throttle.seconds_to_wait(self.request, username):
            minutes = math.ceil(wait / 60)
            message = ngettext(
                "There were too many failed attempts. Try again in {n} minute.",
                "There were too many failed attempts. Try again in {n} minutes.",
                minutes,
            )
            raise ValidationError(message.format(n=minutes), code="throttled")
        try:
            return super().clean()
        except ValidationError:
            sign_in_throttle.record_failure(self.request, username)
            raise


class FirstStartForm(BaseUserCreationForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Creates the administrator's account. With `needs_code`, it asks for the setup code as well."""

    code = forms.CharField(
        label=_("Code"),
        help_text=_("The server printed it in its log."),
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    field_order = ["code", "username", "password1", "password2"]

    class Meta(BaseUserCreationForm.Meta):
        model = User

    def __init__(self, *args: Any, needs_code: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = _("At least eight characters, not only digits, and not a common password.")
        self.fields["password2"].label = _("Repeat the password")
        self.fields["password2"].help_text = ""
        self.fields["username"].help_text = ""
        if not needs_code:
            del self.fields["code"]

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if not first_start.is_setup_code(code):
            raise ValidationError(_("This is not the code. It is in the server's log."), code="wrong")
        return code
