"""A request body follows the options of its endpoint."""

import json
from types import MappingProxyType
from typing import Any

import pytest

from conversations.llm.request_body import encode_request_body
from conversations.llm.types import ChatMessage, CompletionRequest, Endpoint, FunctionCall, FunctionDefinition

USER = ChatMessage("user", "Hello?")
CALL = FunctionCall("a", "add", '{"x": 1}')


def body(*messages: ChatMessage, endpoint: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
    completion_request = CompletionRequest(messages or (USER,), **request)
    written = json.loads(encode_request_body(Endpoint("http://host/v1", "m", **(endpoint or {})), completion_request))
    assert isinstance(written, dict)
    return written


def test_unset_parameters_are_omitted() -> None:
    assert set(body()) == {"model", "messages", "stream", "stream_options"}


def test_parameters_that_are_set_are_sent() -> None:
    written = body(temperature=0.0, max_tokens=7)
    assert (written["temperature"], written["max_tokens"]) == (0, 7)
    assert body(max_tokens=7, endpoint={"max_tokens_field": "max_completion_tokens"})["max_completion_tokens"] == 7


def test_tools_are_sent_as_functions_with_their_schema() -> None:
    schema = MappingProxyType({"type": "object", "properties": {"x": {"type": "integer"}}})
    written = body(tools=[FunctionDefinition("add", "Adds.", schema)], tool_choice="none")
    function = {"name": "add", "description": "Adds.", "parameters": dict(schema)}
    assert written["tools"] == [{"type": "function", "function": function}]
    assert written["tool_choice"] == "none"


def test_tool_choice_is_not_sent_without_tools() -> None:
    assert "tool_choice" not in body(tool_choice="auto")


def test_tool_calls_and_their_results_stay_paired() -> None:
    assistant = ChatMessage("assistant", "", tool_calls=(CALL,), thinking="Hm")
    result = ChatMessage("tool", "2", tool_call_id="a")
    assert body(USER, assistant, result)["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "add", "arguments": '{"x": 1}'}}],
            "reasoning_content": "Hm",
        },
        {"role": "tool", "content": "2", "tool_call_id": "a"},
    ]


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "null", "nonsense"])
def test_past_arguments_that_are_not_an_object_are_sent_as_an_empty_object(arguments: str) -> None:
    assistant = ChatMessage("assistant", "", tool_calls=(FunctionCall("a", "add", arguments),))
    assert body(assistant)["messages"][0]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_empty_content_and_reasoning_follow_the_endpoint_options() -> None:
    assistant = ChatMessage("assistant", "", tool_calls=(CALL,), thinking="Hm")
    message = body(assistant, endpoint={"empty_content": "", "thinking_field": "reasoning"})["messages"][0]
    assert (message["content"], message["reasoning"]) == ("", "Hm")
    assert "reasoning_content" not in body(assistant, endpoint={"thinking_field": ""})["messages"][0]


@pytest.mark.parametrize(
    ("style", "enabled", "disabled"),
    [
        ("none", {}, {}),
        ("thinking", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
        ("enable_thinking", {"enable_thinking": True}, {"enable_thinking": False}),
        (
            "chat_template_kwargs",
            {"chat_template_kwargs": {"enable_thinking": True}},
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
        ("reasoning_effort", {"reasoning_effort": "medium"}, {"reasoning_effort": "none"}),
    ],
)
def test_thinking_is_switched_with_the_endpoint_s_parameter(
    style: str, enabled: dict[str, Any], disabled: dict[str, Any]
) -> None:
    plain = body(endpoint={"thinking_style": style})
    assert body(endpoint={"thinking_style": style}, thinking_enabled=True) == plain | enabled
    assert body(endpoint={"thinking_style": style}, thinking_enabled=False) == plain | disabled
    assert not set(plain) & {"thinking", "enable_thinking", "chat_template_kwargs", "reasoning_effort"}


def test_extra_fields_of_the_endpoint_are_added_and_override_others() -> None:
    written = body(temperature=1, endpoint={"body": {"temperature": 0.5, "top_k": 3}})
    assert (written["temperature"], written["top_k"]) == (0.5, 3)


def test_fields_known_to_be_refused_are_omitted() -> None:
    completion_request = CompletionRequest([USER])
    written = encode_request_body(
        Endpoint("http://host/v1", "m"), completion_request, without=frozenset({"stream_options"})
    )
    assert "stream_options" not in json.loads(written)
