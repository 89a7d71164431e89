"""The forms of the settings pages."""

from __future__ import annotations

import functools
from itertools import groupby
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth import forms as auth_forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiToken, Preferences, User

REGIONS = {
    "Africa": _("Africa"),
    "America": _("America"),
    "Antarctica": _("Antarctica"),
    "Asia": _("Asia"),
    "Atlantic": _("Atlantic"),
    "Australia": _("Australia"),
    "Europe": _("Europe"),
    "Indian": _("Indian Ocean"),
    "Pacific": _("Pacific"),
}


@functools.cache
def time_zone_names() -> list[str]:
    """Returns the sorted names of the time zones that are named after places."""
    return sorted(name for name in available_timezones() if name.partition("/")[0] in REGIONS)


def time_zone_choices() -> list[Any]:
    """Returns the time zones as choices, grouped by region."""
    by_region = groupby(time_zone_names(), lambda name: name.partition("/")[0])
    return [(REGIONS[region], [(name, name.replace("_", " ")) for name in names]) for region, names in by_region]


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    class Meta:
        model = User
        fields = ("first_name", "username", "email")
        field_classes = {"username": auth_forms.UsernameField}
        labels = {"first_name": _("Name"), "email": _("E-mail")}
        help_texts = {
            "first_name": _("The name that these pages use for you. Optional."),
            "username": _("You use it to sign in."),
            "email": _("Only administrators see it. Optional."),
        }
        widgets = {
            "first_name": forms.TextInput(attrs={"autocomplete": "name", "dir": "auto"}),
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
        }


class PreferencesForm(forms.Form):
    """A form of some of a user's preferences. Its fields have the names of the model's fields."""

    def __init__(self, preferences: Preferences, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {name: getattr(preferences, name) for name in self.fields}
        self.preferences = preferences

    def save(self) -> Preferences:
        """Stores the form's fields alone, because other forms may be changing the others."""
        user = self.preferences.user
        return Preferences.objects.update_or_create(user=user, defaults=self.cleaned_data)[0]

    def set_choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = choices


class DisplayForm(PreferencesForm):
    theme = forms.ChoiceField(label=_("Theme"), choices=Preferences.Theme.choices, widget=forms.RadioSelect)
    language = forms.ChoiceField(label=_("Language"), required=False)
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        help_text=_(
            "Determines when a day begins: in the list of conversations, and for the date that models are given."
        ),
    )

    def __init__(self, preferences: Preferences, *args: Any, **kwargs: Any) -> None:
        super().__init__(preferences, *args, **kwargs)
        self.set_choices("language", [("", _("Same as the browser")), *settings.LANGUAGES])
        zone = preferences.browser_time_zone.replace("_", " ")
        automatic = (
            gettext("Same as the browser ({zone})").format(zone=zone) if zone else gettext("Same as the browser")
        )
        self.set_choices("time_zone", [("", automatic), ("UTC", "UTC"), *time_zone_choices()])


class PasswordForm(auth_forms.PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = _("Current password")
        self.fields["old_password"].widget.attrs["autofocus"] = False
        self.fields["new_password1"].help_text = _(
            "At least eight characters, not only digits, and not a common password."
        )
        self.fields["new_password2"].label = _("Repeat the new password")
        self.fields["new_password2"].help_text = ""


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("The program that will use it."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )

    class Meta:
        model = ApiToken
        fields = ("name",)


class DeletionForm(forms.Form):
    """Asks for the user's password before the account is deleted."""

    password = forms.CharField(
        label=_("Your password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise ValidationError(_("This is not your password."), code="wrong")
        return password
