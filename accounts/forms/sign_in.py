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
    """Says neither which of both is wrong nor whether there is such an account."""

    _WRONG = _("This username and this password do not belong together.")
    error_messages = {"invalid_login": _WRONG, "inactive": _WRONG}

    def clean(self) -> dict[str, Any]:
        username = self.cleaned_data.get("username") or ""
        if self.request is None:
            return super().clean()
        if wait := sign_in_throttle.seconds_to_wait(self.request, username):
            minutes = math.ceil(wait / 60)
            said = ngettext(
                "There were too many failed attempts. Try again in {n} minute.",
                "There were too many failed attempts. Try again in {n} minutes.",
                minutes,
            )
            raise ValidationError(said.format(n=minutes), code="throttled")
        try:
            return super().clean()
        except ValidationError:
            sign_in_throttle.note_failure(self.request, username)
            raise


class FirstStartForm(BaseUserCreationForm):  # type: ignore[type-arg]  # at run time it takes none
    """The administrator's account; with `needs_code`, only for who has read the log."""

    code = forms.CharField(
        label=_("Code"),
        help_text=_("The server has printed it in its log."),
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    field_order = ["code", "username", "password1", "password2"]

    class Meta(BaseUserCreationForm.Meta):
        model = User

    def __init__(self, *args: Any, needs_code: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = _("Eight characters or more, not only digits, and nothing common.")
        self.fields["password2"].label = _("The same password again")
        self.fields["password2"].help_text = ""
        self.fields["username"].help_text = ""
        if not needs_code:
            del self.fields["code"]

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if not first_start.is_code(code):
            raise ValidationError(_("This is not the code. It is in the server's log."), code="wrong")
        return code
