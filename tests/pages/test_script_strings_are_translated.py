"""The strings for scripts are in the active language, also after another language was active."""

from __future__ import annotations

from django.template import Context, Template
from django.utils import translation

from conversations.web.strings import STRINGS


def test_script_strings_follow_the_active_language() -> None:
    template = Template("{% load chat %}{% strings as strings %}{{ strings.today }}")
    for language in ["en", "zh-hans", "en"]:
        with translation.override(language):
            assert template.render(Context()) == str(STRINGS["today"])
