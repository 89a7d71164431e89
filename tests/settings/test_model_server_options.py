"""Settings for the options of a model server reach its endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from conversations.llm.types import Endpoint
from conversations.providers.catalog import configured_entries
from tests.settings.conftest import Load


def endpoint(**dialect: object) -> Endpoint:
    with override_settings(LLM_BASE_URL="http://127.0.0.1:1/v1", LLM_MODELS=("one",), **dialect):
        return configured_entries()[0].endpoint


def test_an_endpoint_has_defaults_without_settings() -> None:
    plain = Endpoint("http://127.0.0.1:1/v1", "one")
    for field in ("thinking_field", "max_tokens_field", "empty_content", "headers", "body"):
        assert getattr(endpoint(), field) == getattr(plain, field)


def test_settings_reach_the_endpoint(load: Load) -> None:
    given = {
        "LLM_THINKING_FIELD": "reasoning",
        "LLM_MAX_TOKENS_FIELD": "max_completion_tokens",
        "LLM_EMPTY_CONTENT": "empty",
        "LLM_EXTRA_HEADERS": '{"X-Title": "My chat", "Authorization": "Basic YTpi"}',
        "LLM_EXTRA_BODY": '{"top_k": 20, "provider": {"order": ["a", "b"]}, "user": null}',
    }
    loaded = load(**given)
    made = endpoint(**{name: loaded[name] for name in given})
    assert (made.thinking_field, made.max_tokens_field, made.empty_content) == (
        "reasoning",
        "max_completion_tokens",
        "",
    )
    assert made.headers == {"X-Title": "My chat", "Authorization": "Basic YTpi"}
    assert made.body == {"top_k": 20, "provider": {"order": ["a", "b"]}, "user": None}


def test_sending_thinking_back_can_be_turned_off() -> None:
    assert endpoint(LLM_THINKING_FIELD="none").thinking_field == ""


def test_json_in_the_env_file_needs_no_quoting(load: Load, env_file: Path) -> None:
    env_file.write_text('LLM_EXTRA_BODY={"top_k": 20, "stop": ["#"]}\n' + 'LLM_EXTRA_HEADERS=\'{"X-Title": "Chat"}\'\n')
    settings = load()
    assert settings["LLM_EXTRA_BODY"] == {"top_k": 20, "stop": ["#"]}
    assert settings["LLM_EXTRA_HEADERS"] == {"X-Title": "Chat"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LLM_THINKING_FIELD", "thoughts", "one of reasoning_content, reasoning, none"),
        ("LLM_MAX_TOKENS_FIELD", "tokens", "one of max_tokens, max_completion_tokens"),
        ("LLM_EMPTY_CONTENT", '""', "one of null, empty"),
        ("LLM_EXTRA_BODY", "top_k=20", "a JSON object"),
        ("LLM_EXTRA_BODY", '["top_k"]', "a JSON object"),
        ("LLM_EXTRA_BODY", '{"top_p": NaN}', "a JSON object"),
        ("LLM_EXTRA_BODY", '{"top_k": 1, "top_k": 2}', "a JSON object"),
        ("LLM_EXTRA_BODY", '{"stop": "\\ud83d"}', "a JSON object"),
        ("LLM_EXTRA_BODY", '{"seed": 123456789012345678901234567890}', "a JSON object"),
        ("LLM_EXTRA_BODY", "[" * 100_000, "a JSON object"),
        ("LLM_EXTRA_BODY", '{"stop": ' + "[" * 1_000 + "]" * 1_000 + "}", "a JSON object"),
        ("LLM_EXTRA_BODY", '{"top_p": 1e400}', "a JSON object"),
        ("LLM_EXTRA_BODY", '{"messages": []}', "without model, messages, stream, tools"),
        ("LLM_EXTRA_BODY", '{"stream": false}', "without model, messages, stream, tools"),
    ],
)
def test_an_invalid_value_is_named_with_the_expected_form(load: Load, name: str, value: str, expected: str) -> None:
    with pytest.raises(ImproperlyConfigured) as error:
        load(**{name: value})
    assert str(error.value).startswith(f"{name} is {value!r}: expected ")
    assert expected in str(error.value)


@pytest.mark.parametrize(
    "value",
    [
        "X-Key: hunter2",
        '["hunter2"]',
        '{"X-Key": ["hunter2"]}',
        '{"X-Key": 2, "X-Other": "hunter2"}',
        '{"X Key": "hunter2"}',
        '{"": "hunter2"}',
        '{"X-Key": "hunter2\\r\\nX-Other: 1"}',
        '{"X-Key": "hünter2"}',
        '{"X-Key": " hunter2"}',
        '{"X-Key": "hunter2", "x-key": "hunter3"}',
        '{"Content-Length": "0", "X-Key": "hunter2"}',
    ],
)
def test_invalid_headers_are_refused_and_not_shown(load: Load, value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as error:
        load(LLM_EXTRA_HEADERS=value)
    assert str(error.value).startswith("LLM_EXTRA_HEADERS has a wrong value (not shown): expected a JSON object")
    assert "hunter" not in str(error.value)


def test_headers_can_come_from_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "headers").write_text('{"X-Key": "hunter2"}\n')
    assert load(LLM_EXTRA_HEADERS_FILE=str(tmp_path / "headers"))["LLM_EXTRA_HEADERS"] == {"X-Key": "hunter2"}
