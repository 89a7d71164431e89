from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.forms.settings import PreferencesForm
from accounts.models import Preferences
from conversations.models import Project
from conversations.providers.catalog import listed_entries
from conversations.websocket.protocol.requests import MAX_PROMPT


class AnswersForm(PreferencesForm):
    default_model = forms.ChoiceField(
        label=_("Default model"),
        required=False,
        help_text=_("Used in conversations that have no model of their own."),
    )
    about = forms.CharField(
        label=_("About you"),
        required=False,
        max_length=Preferences.MAX_INSTRUCTIONS_LENGTH,
        help_text=_("What models should know: what you do, what you know well, where you live."),
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
    )
    how_to_answer = forms.CharField(
        label=_("How to answer"),
        required=False,
        max_length=Preferences.MAX_INSTRUCTIONS_LENGTH,
        help_text=_("For example: briefly, in Spanish, with examples, without praise."),
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
    )

    def __init__(self, preferences: Preferences, *args: Any, **kwargs: Any) -> None:
        super().__init__(preferences, *args, **kwargs)
        entries = listed_entries()
        server_default = gettext("Server default ({model})").format(model=entries[0].label)
        self.set_choices("default_model", [("", server_default), *((entry.name, entry.label) for entry in entries)])

    def clean(self) -> dict[str, Any]:
        """Normalizes line endings: browsers submit CRLF."""
        cleaned = super().clean() or {}
        return {name: value.replace("\r\n", "\n") for name, value in cleaned.items()}


class ProjectForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        error_messages={"required": _("A project needs a name.")},
        max_length=Project.MAX_NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )
    instructions = forms.CharField(
        label=_("Instructions"),
        help_text=_("Sent to the model in every conversation of this project."),
        required=False,
        max_length=MAX_PROMPT,
        widget=forms.Textarea(attrs={"rows": 10, "dir": "auto"}),
    )
