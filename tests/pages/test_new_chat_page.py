from __future__ import annotations

from html import escape

from django.test import Client
from pytest_django import Settings

from conversations.demo import SUGGESTIONS


def test_the_demo_model_gets_four_suggestions_that_it_can_answer(ada_client: Client) -> None:
    page = ada_client.get("/").content.decode()
    assert page.count("data-suggestion") == len(SUGGESTIONS) == 4
    assert all(escape(suggestion) in page for suggestion in SUGGESTIONS)


def test_a_real_model_gets_four_other_suggestions(ada_client: Client, settings: Settings) -> None:
    settings.LLM_MODELS = ("small",)
    page = ada_client.get("/").content.decode()
    assert page.count("data-suggestion") == 4
    assert not any(escape(suggestion) in page for suggestion in SUGGESTIONS)


def test_the_page_has_no_inline_script_or_style(ada_client: Client) -> None:
    page = ada_client.get("/").content.decode()
    assert "<style" not in page
    assert " style=" not in page
    assert page.count("<script") == page.count("<script src=") + page.count('<script type="module" src=') == 2
