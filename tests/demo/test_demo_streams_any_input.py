"""The demo model streams a valid response to any question after any history."""

import json
from itertools import chain
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversations.demo.intents import Intent
from conversations.demo.replies import Reply, make_reply
from conversations.demo.request import ChatCompletionRequest
from conversations.demo.streaming import completion_events
from tests.demo.histories import TOOLS, request_of, tool_call_messages, user_message
from tests.hostile import HOSTILE

WORDS = (
    *("what is", "2 * 3", "time in", "Tokyo", "read", "write", "to", "a.txt", "it back", "list files", "Markdown"),
    *("多少", "几点", "写", "把", "-", "(", "!", "{", "`"),
)

questions = st.text() | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.sampled_from(HOSTILE)
fields = st.sampled_from(["success", "result", "error", "content", "entries", "path", "time"])
values = st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.dictionaries(fields, inner), max_leaves=5)
results = st.text() | values.map(json.dumps)
rounds = st.builds(
    lambda name, arguments, results: tool_call_messages(name, arguments, *results),
    st.sampled_from([*TOOLS, "other"]),
    st.text() | st.just("{}"),
    st.lists(results, min_size=1, max_size=2),
)
histories = st.builds(lambda question, *rounds: [user_message(question), *chain(*rounds)], questions, rounds, rounds)
histories |= questions.map(lambda question: [user_message(question)])
tool_names = st.lists(st.sampled_from([*TOOLS, "other"]), unique=True)


def read(reply: Reply, request: ChatCompletionRequest) -> dict[str, Any]:
    """Asserts that the stream is valid and returns its content."""
    *events, done = completion_events(reply, request)
    assert done == b"data: [DONE]\n\n"
    *chunks, last = [orjson.loads(event.removeprefix(b"data: ").removesuffix(b"\n\n")) for event in events]
    response: dict[str, Any] = {"content": "", "reasoning_content": "", "calls": [], "usage": last["usage"]}
    for index, chunk in enumerate(chunks):
        [choice] = chunk["choices"]
        assert (choice["finish_reason"] is not None) == (index == len(chunks) - 1)
        for field in ("content", "reasoning_content"):
            response[field] += choice["delta"].get(field) or ""
        for fragment in choice["delta"].get("tool_calls", ()):
            if "id" in fragment:
                assert fragment["index"] == len(response["calls"])
                response["calls"].append({"name": fragment["function"]["name"], "arguments": ""})
            response["calls"][fragment["index"]]["arguments"] += fragment["function"]["arguments"]
    response["finish_reason"] = chunks[-1]["choices"][0]["finish_reason"]
    return response


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories, tools=tool_names)
def test_any_history_gives_a_complete_stream(history: list[dict[str, Any]], tools: list[str]) -> None:
    request = request_of(history, tools=tools)
    reply = make_reply(request)
    response = read(reply, request)
    assert response["content"] == reply.text
    assert response["reasoning_content"] == reply.thinking
    assert [Intent(call["name"], json.loads(call["arguments"])) for call in response["calls"]] == list(reply.calls)
    assert response["finish_reason"] == ("tool_calls" if reply.calls else "stop")
    assert bool(reply.text) != bool(reply.calls)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(questions, st.integers(min_value=1, max_value=60))
def test_max_tokens_truncates_the_answer(question: str, limit: int) -> None:
    whole, cut = request_of([user_message(question)]), request_of([user_message(question)], max_tokens=limit)
    reply = make_reply(whole)
    tokens = read(reply, whole)["usage"]["completion_tokens"]
    response = read(reply, cut)
    assert response["usage"]["completion_tokens"] == min(tokens, limit)
    assert reply.text.startswith(response["content"])
    if limit < tokens:
        assert response["finish_reason"] == "length"


def test_a_huge_question_is_answered() -> None:
    for part in ("(", "a", "1 + ", "a.", "写", "what is the ", '"', "`", "\n"):
        request = request_of([user_message(part * (200_000 // len(part)))])
        assert read(make_reply(request), request)["finish_reason"] in ("stop", "tool_calls")
