"""A page says its words in the language of the moment, also after it has said them in another."""

from __future__ import annotations

from django.template import Context, Template
from django.utils import translation

from conversations.web.strings import STRINGS


def test_script_strings_follow_the_active_language() -> None:
    template = Template("{% load chat %}{% strings as strings %}{{ strings.today }}")
    for language in ["en", "zh-hans", "en"]:
        with translation.override(language):
            assert template.render(Context()) == str(STRINGS["today"])
