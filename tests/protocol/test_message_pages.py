"""`conversation.get` returns a conversation in pages, the newest first, and no frame is larger than 1 MB."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Conversation, Message, Step
from tests.modelserver import answer, calls, done, finish, text, thinking, tool_call, usage
from tests.protocol.talk import Talk, invalid_fields, talk

pytestmark = pytest.mark.django_db(transaction=True)

CONTROL_CHARACTER = "\x1f"
"""Six bytes in JSON."""


async def create_branch(t: Talk, texts: list[str], **fields: Any) -> Conversation:
    """Creates a conversation with alternating questions and answers."""
    conversation = await Conversation.objects.acreate(owner=await t.site.user(), title="Long", **fields)
    messages: list[Message] = []
    for number, content in enumerate(texts):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        parent = messages[-1] if messages else None
        messages.append(Message(conversation=conversation, parent=parent, role=role, text=content))
    await Message.objects.abulk_create(messages)
    await Step.objects.abulk_create(
        Step(message=m, index=0, type="text", content=m.text, size=len(m.text))
        for m in messages
        if m.role == Message.Role.ASSISTANT
    )
    conversation.leaf = messages[-1]
    await conversation.asave()
    return conversation


async def all_pages(t: Talk, conversation: Conversation, **params: Any) -> list[list[dict[str, Any]]]:
    """Returns all pages of messages, from the newest to the oldest."""
    found = []
    before: dict[str, str] = {}
    while True:
        got = await t.ada.call("conversation.get", conversation_id=str(conversation.pk), **params, **before)
        found.append(got["messages"])
        if got["previous_cursor"] is None:
            return found
        before = {"before": got["previous_cursor"]}


def texts_of(messages: list[dict[str, Any]]) -> list[str]:
    return [m["content"]["text"] for m in messages]


async def test_pages_go_from_the_newest_to_the_oldest() -> None:
    async with talk(answer("")) as t:
        texts = [f"m{n}" for n in range(24)]
        created = await create_branch(t, texts)
        paged = await all_pages(t, created, limit=5)
        assert [texts_of(page) for page in paged] == [texts[19:], texts[14:19], texts[9:14], texts[4:9], texts[:4]]
        assert [len(page) for page in await all_pages(t, created, limit=24)] == [24]
        assert [len(page) for page in await all_pages(t, created, limit=12)] == [12, 12]


async def test_a_page_has_50_messages_by_default() -> None:
    async with talk(answer("")) as t:
        created = await create_branch(t, [f"m{n}" for n in range(60)])
        assert [len(page) for page in await all_pages(t, created)] == [50, 10]


async def test_an_empty_conversation_has_an_empty_page() -> None:
    async with talk(answer("")) as t:
        created = (await t.ada.call("conversation.create"))["conversation"]
        got = await t.ada.call("conversation.get", conversation_id=created["id"])
        assert got == {"conversation": created, "messages": [], "previous_cursor": None, "run": None}


async def test_a_cursor_of_another_conversation_is_an_invalid_param() -> None:
    async with talk(answer("")) as t:
        created, other = await create_branch(t, ["a", "b"]), await create_branch(t, ["c", "d"])
        for cursor in (str(other.leaf_id), "x", "00000000-0000-4000-8000-000000000000"):
            fields = await invalid_fields(t.ada, "conversation.get", conversation_id=str(created.pk), before=cursor)
            assert fields == {"before"}


@pytest.mark.parametrize(
    ("character", "count"),
    [("x", 12), ("é", 7), ("😀", 5), (CONTROL_CHARACTER, 4)],
    ids=["ascii", "two bytes", "four bytes", "escaped"],
)
async def test_long_messages_make_shorter_pages(character: str, count: int) -> None:
    async with talk(answer("")) as t:
        texts = [f"{n}{character * 90_000}" for n in range(count)]
        paged = await all_pages(t, await create_branch(t, texts))
        assert len(paged) > 1
        assert [part[:2] for page in reversed(paged) for part in texts_of(page)] == [part[:2] for part in texts]
        if character != CONTROL_CHARACTER:
            assert [part for page in reversed(paged) for part in texts_of(page)] == texts
            assert not any("truncated" in s for page in paged for m in page for s in m["content"]["steps"])


async def test_a_step_that_is_too_large_is_truncated() -> None:
    long = "word " * 60_000
    async with talk([thinking(long), text(long), text("end"), finish(), usage(), done()]) as t:
        sent = await t.ask("Hi")
        thinking_step, text_step = t.ada.steps(sent["run_id"])
        assert (thinking_step["content"], text_step["content"]) == (long, long + "end")
        shown = (await t.messages(sent["conversation_id"]))[-1]["content"]["steps"]
        for step in shown:
            assert step["truncated"] is True
            assert 0 < len(step["content"]) < len(long)
            assert long.startswith(step["content"])


async def test_a_step_larger_than_a_frame_is_streamed_whole_and_truncated_in_pages() -> None:
    long = "😀" * 300_000
    arguments = CONTROL_CHARACTER * 200_000
    async with talk(calls(tool_call("no_such_tool", arguments)), [text(long), finish(), done()]) as t:
        sent = await t.ask("Hi")
        call, _, last = t.ada.steps(sent["run_id"])
        assert (call["arguments"], last["content"]) == (arguments, long)
        async with t.site.client() as back:
            await back.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
            await back.ended(sent["run_id"])
            assert back.steps(sent["run_id"]) == t.ada.steps(sent["run_id"])
        steps = (await t.messages(sent["conversation_id"]))[-1]["content"]["steps"]
        assert [s.get("truncated") for s in steps if s["type"] != "tool_result"] == [True, True]


async def test_the_longest_question_and_the_longest_system_prompt_fit_in_a_frame() -> None:
    async with talk(answer("Yes"), LLM_CONTEXT_WINDOW=10_000_000) as t:
        created = (await t.ada.call("conversation.create", system_prompt="😀" * 100_000))["conversation"]
        question = "😀" * 200_000
        await t.ask(question, conversation_id=created["id"])
        newest = await t.ada.call("conversation.get", conversation_id=created["id"])
        assert newest["conversation"]["system_prompt"] == "😀" * 100_000
        before = newest["previous_cursor"]
        assert texts_of(newest["messages"]) == ["Yes"]
        (shown,) = (await t.ada.call("conversation.get", conversation_id=created["id"], before=before))["messages"]
        assert shown["truncated"] is True
        assert question.startswith(shown["content"]["text"])
        assert t.ada.received("message_added")[0]["message"]["content"]["text"] == question
        assert t.model.requests[0].body["messages"][-1]["content"] == question


async def test_a_question_that_escaping_makes_too_large_for_a_frame_is_truncated() -> None:
    question = "?" + CONTROL_CHARACTER * 166_000
    async with talk(answer("Yes")) as t:
        sent = await t.ask(question)
        shown = t.ada.received("message_added")[0]["message"]
        assert shown["truncated"] is True
        assert question.startswith(shown["content"]["text"])
        assert t.model.requests[0].body["messages"][-1]["content"] == question
        assert len(await t.messages(sent["conversation_id"])) >= 1
