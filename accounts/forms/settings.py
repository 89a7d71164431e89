"""What people set for themselves, a form for each part of a page."""

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
def zone_names() -> list[str]:
    """Those that are named after places, in order."""
    return sorted(name for name in available_timezones() if name.partition("/")[0] in REGIONS)


def zone_choices() -> list[Any]:
    """By parts of the world."""
    by_region = groupby(zone_names(), lambda name: name.partition("/")[0])
    return [(REGIONS[region], [(name, name.replace("_", " ")) for name in names]) for region, names in by_region]


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # at run time it takes none
    class Meta:
        model = User
        fields = ("first_name", "username", "email")
        field_classes = {"username": auth_forms.UsernameField}
        labels = {"first_name": _("Name"), "email": _("E-mail")}
        help_texts = {
            "first_name": _("How these pages call you. May stay empty."),
            "username": _("You sign in with it."),
            "email": _("Only administrators see it. May stay empty."),
        }
        widgets = {
            "first_name": forms.TextInput(attrs={"autocomplete": "name", "dir": "auto"}),
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
        }


class PreferencesForm(forms.Form):
    """Some of a person's preferences, named as the fields of the model."""

    def __init__(self, preferences: Preferences, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {name: getattr(preferences, name) for name in self.fields}
        self.preferences = preferences

    def save(self) -> Preferences:
        """Stores these alone: others may be changed elsewhere meanwhile."""
        user = self.preferences.user
        return Preferences.objects.update_or_create(user=user, defaults=self.cleaned_data)[0]

    def offer(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = choices


class DisplayForm(PreferencesForm):
    theme = forms.ChoiceField(label=_("Theme"), choices=Preferences.Theme.choices, widget=forms.RadioSelect)
    language = forms.ChoiceField(label=_("Language"), required=False)
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        help_text=_("When a day begins: in the list of conversations, and when a model is told the date."),
    )

    def __init__(self, preferences: Preferences, *args: Any, **kwargs: Any) -> None:
        super().__init__(preferences, *args, **kwargs)
        self.offer("language", [("", _("As the browser asks")), *settings.LANGUAGES])
        told = preferences.browser_time_zone.replace("_", " ")
        automatic = (
            gettext("As the browser says ({zone})").format(zone=told) if told else gettext("As the browser says")
        )
        self.offer("time_zone", [("", automatic), ("UTC", "UTC"), *zone_choices()])


class PasswordForm(auth_forms.PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = _("Present password")
        self.fields["old_password"].widget.attrs["autofocus"] = False
        self.fields["new_password1"].help_text = _("Eight characters or more, not only digits, and nothing common.")
        self.fields["new_password2"].label = _("The new password again")
        self.fields["new_password2"].help_text = ""


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("What it is for: the program that will use it."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )

    class Meta:
        model = ApiToken
        fields = ("name",)


class DeletionForm(forms.Form):
    """The person's own password, before everything goes."""

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
