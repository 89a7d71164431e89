from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from conversations.models import Project
from conversations.websocket.protocol.requests import MAX_PROMPT


class ProjectForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        error_messages={"required": _("A project needs a name.")},
        max_length=Project.MAX_NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )
    instructions = forms.CharField(
        label=_("Instructions"),
        help_text=_("Told to the model in every conversation of this project."),
        required=False,
        max_length=MAX_PROMPT,
        widget=forms.Textarea(attrs={"rows": 10, "dir": "auto"}),
    )
