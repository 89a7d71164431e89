from __future__ import annotations

from html import escape

from django.test import Client
from pytest_django import Settings

from conversations.demo import SUGGESTIONS


def test_it_offers_four_things_that_work_with_the_demo_model(member: Client) -> None:
    page = member.get("/").content.decode()
    assert page.count("data-suggestion") == len(SUGGESTIONS) == 4
    assert all(escape(suggestion) in page for suggestion in SUGGESTIONS)


def test_and_others_with_a_model(member: Client, settings: Settings) -> None:
    settings.LLM_MODELS = ("small",)
    page = member.get("/").content.decode()
    assert page.count("data-suggestion") == 4
    assert not any(escape(suggestion) in page for suggestion in SUGGESTIONS)


def test_no_page_has_a_script_or_style_of_its_own(member: Client) -> None:
    page = member.get("/").content.decode()
    assert "<style" not in page
    assert " style=" not in page
    assert page.count("<script") == page.count("<script src=") + page.count('<script type="module" src=') == 2
