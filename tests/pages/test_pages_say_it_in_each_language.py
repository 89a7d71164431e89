"""A page says its words in the language of the moment, also after it has said them in another."""

from __future__ import annotations

import pytest
from django.template import Context, Template
from django.utils import translation

from conversations.web.strings import STRINGS

MONTHS = {"en": "January", "zh-hans": "一月"}


@pytest.mark.parametrize(
    "source",
    [
        '{% translate "January" %}',
        "{% translate month %}",
        '{% translate "January" as said %}{{ said }}',
        '{% translate "January"|lower|capfirst %}',
        '{% translate "January" context "unknown to the catalogue" as said %}{% translate month %}',
    ],
)
def test_whatever_was_said_before_it_is_said_in_this_language(source: str) -> None:
    template = Template("{% load i18n chat %}" + source)
    for language in ["en", "zh-hans", "en", "zh-hans"]:
        with translation.override(language):
            assert template.render(Context({"month": "January"})) == MONTHS[language]


def test_a_text_is_as_safe_and_as_whole_as_django_has_it() -> None:
    source = '{% translate "<b>100%</b> & more" %}'
    ours, djangos = (Template("{% load i18n " + also + "%}" + source) for also in ("chat ", ""))
    assert ours.render(Context()) == djangos.render(Context())
    assert ours.render(Context()) == ours.render(Context())


def test_the_words_of_the_script_are_those_of_the_language() -> None:
    template = Template("{% load chat %}{% words as words %}{{ words.today }}")
    for language in ["en", "zh-hans", "en"]:
        with translation.override(language):
            assert template.render(Context()) == str(STRINGS["today"])
