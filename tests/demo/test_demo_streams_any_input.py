"""Whatever is asked, after whatever history: a stream that a strict reader takes."""

import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from conversations.demo.brain import Prompt, Reply, plan_reply
from conversations.demo.wire import DONE, Answer, split_tokens
from conversations.demo.wishes import Wish
from conversations.llm.types import ChatMessage, FunctionCall, FunctionDefinition

NAMES = ("calculator", "current_time", "read_file", "write_file", "list_files", "other")
WORDS = (
    "what is",
    "2 * 3",
    "time in",
    "Tokyo",
    "read",
    "write",
    "to",
    "a.txt",
    "it back",
    "list files",
    "多少",
    "-",
    "(",
    "!",
)

texts = st.text() | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
calls = st.builds(
    FunctionCall, id=st.text(min_size=1), name=st.sampled_from(NAMES), arguments=st.text() | st.just("{}")
)
results = st.text() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["success", "result", "error", "content", "entries", "path", "time"]), inner, max_size=4
        )
    ),
).map(json.dumps)
messages = st.builds(
    ChatMessage,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=texts | results,
    tool_calls=st.lists(calls, max_size=3).map(tuple),
    tool_call_id=st.none() | st.text(),
)
functions = st.lists(st.sampled_from(NAMES), unique=True).map(
    lambda names: {name: FunctionDefinition(name, "", {"type": "object"}) for name in names}
)


def read(answer: Answer) -> dict[str, Any]:
    """What a client makes of the stream; refuses what is not in order."""
    *events, done = answer.events(include_usage=True)
    assert done == DONE
    chunks = [orjson.loads(event.removeprefix(b"data: ").removesuffix(b"\n\n")) for event in events]
    told: dict[str, Any] = {"content": "", "reasoning_content": "", "calls": []}
    for place, chunk in enumerate(chunks[:-1]):
        choice = chunk["choices"][0]
        assert (choice["finish_reason"] is not None) == (place == len(chunks) - 2)
        for field in ("content", "reasoning_content"):
            told[field] += choice["delta"].get(field) or ""
        for fragment in choice["delta"].get("tool_calls", ()):
            if "id" in fragment:
                assert fragment["index"] == len(told["calls"])
                told["calls"].append({"id": fragment["id"], "name": fragment["function"]["name"], "arguments": ""})
            told["calls"][fragment["index"]]["arguments"] += fragment["function"]["arguments"]
    told["finish_reason"] = chunks[-2]["choices"][0]["finish_reason"]
    told["usage"] = chunks[-1]["usage"]
    return told


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(split_tokens(text)) == text


@given(history=st.lists(messages, max_size=6), question=texts, offered=functions, may_call=st.booleans())
def test_any_history_gives_a_whole_stream(
    history: list[ChatMessage], question: str, offered: dict[str, FunctionDefinition], may_call: bool
) -> None:
    reply = plan_reply(Prompt([*history, ChatMessage("user", question)], offered, may_call=may_call))
    told = read(Answer(reply, prompt_tokens=1))
    assert told["content"] == reply.text
    assert told["reasoning_content"] == reply.thinking
    assert [call["name"] for call in told["calls"]] == [call.tool for call in reply.calls]
    assert all(isinstance(json.loads(call["arguments"]), dict) for call in told["calls"])
    assert told["finish_reason"] == ("tool_calls" if reply.calls else "stop")
    assert bool(reply.text) != bool(reply.calls)


@given(history=st.lists(messages, max_size=6), offered=functions)
def test_a_history_without_any_question_is_answered_too(
    history: list[ChatMessage], offered: dict[str, FunctionDefinition]
) -> None:
    assert plan_reply(Prompt(history, offered)) != Reply()


@given(texts, st.integers(min_value=1, max_value=60))
def test_a_limit_cuts_the_answer_after_that_many_tokens(question: str, limit: int) -> None:
    reply = plan_reply(Prompt([ChatMessage("user", question)]))
    whole, cut = Answer(reply, prompt_tokens=7), Answer(reply, prompt_tokens=7, token_limit=limit)
    tokens = read(whole)["usage"]["completion_tokens"]
    told = read(cut)
    assert told["usage"]["completion_tokens"] == min(tokens, limit)
    assert told["finish_reason"] == ("length" if limit < tokens else "stop")
    assert reply.text.startswith(told["content"])


def test_the_whole_answer_and_its_stream_say_the_same() -> None:
    reply = Reply("thought", "", (Wish("a", {"x": "1"}), Wish("b", {})))
    answer = Answer(reply, prompt_tokens=3)
    told, body = read(answer), orjson.loads(answer.body())
    message = body["choices"][0]["message"]
    assert message["reasoning_content"] == told["reasoning_content"] == "thought"
    assert message["content"] is None
    assert [call["function"] for call in message["tool_calls"]] == [
        {"name": call["name"], "arguments": call["arguments"]} for call in told["calls"]
    ]
    assert body["usage"] == told["usage"]
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == len(split_tokens("thought"))
