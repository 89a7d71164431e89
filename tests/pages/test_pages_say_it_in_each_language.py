"""A page says its words in the language of the moment, also after it has said them in another."""

from __future__ import annotations

from django.template import Context, Template
from django.utils import translation

from conversations.web.strings import STRINGS


def test_the_words_of_the_script_are_those_of_the_language() -> None:
    template = Template("{% load chat %}{% strings as strings %}{{ strings.today }}")
    for language in ["en", "zh-hans", "en"]:
        with translation.override(language):
            assert template.render(Context()) == str(STRINGS["today"])
