"""A conversation is read a page at a time, newest page first; no frame is over 1 MB, whatever was said."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Conversation, Message, Step
from tests.modelserver import answer, calls, done, finish, text, thinking, tool_call, usage
from tests.protocol.talk import Talk, talk, wrong_fields

pytestmark = pytest.mark.django_db(transaction=True)

CONTROL = "\x1f"
"""As JSON, six bytes."""


async def make_branch(t: Talk, texts: list[str], **fields: Any) -> Conversation:
    """Questions and answers in turn, each after the one before."""
    made = await Conversation.objects.acreate(owner=await t.site.user(), title="Made", **fields)
    messages: list[Message] = []
    for number, said in enumerate(texts):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        parent = messages[-1] if messages else None
        messages.append(Message(conversation=made, parent=parent, role=role, text=said))
    await Message.objects.abulk_create(messages)
    await Step.objects.abulk_create(
        Step(message=m, index=0, type="text", content=m.text, size=len(m.text))
        for m in messages
        if m.role == Message.Role.ASSISTANT
    )
    made.leaf = messages[-1]
    await made.asave()
    return made


async def pages(t: Talk, conversation: Conversation, **params: Any) -> list[list[dict[str, Any]]]:
    """All pages, from the newest to the oldest."""
    found = []
    before: dict[str, str] = {}
    while True:
        got = await t.ada.call("conversation.get", conversation_id=str(conversation.pk), **params, **before)
        found.append(got["messages"])
        if got["previous_cursor"] is None:
            return found
        before = {"before": got["previous_cursor"]}


def said(messages: list[dict[str, Any]]) -> list[str]:
    return [m["content"]["text"] for m in messages]


async def test_pages_lead_from_the_newest_to_the_oldest() -> None:
    async with talk(answer("")) as t:
        texts = [f"m{n}" for n in range(24)]
        made = await make_branch(t, texts)
        paged = await pages(t, made, limit=5)
        assert [said(page) for page in paged] == [texts[19:], texts[14:19], texts[9:14], texts[4:9], texts[:4]]
        assert [len(page) for page in await pages(t, made, limit=24)] == [24]
        assert [len(page) for page in await pages(t, made, limit=12)] == [12, 12]


async def test_a_page_has_fifty_if_nothing_is_said() -> None:
    async with talk(answer("")) as t:
        made = await make_branch(t, [f"m{n}" for n in range(60)])
        assert [len(page) for page in await pages(t, made)] == [50, 10]


async def test_an_empty_conversation_has_an_empty_page() -> None:
    async with talk(answer("")) as t:
        made = (await t.ada.call("conversation.create"))["conversation"]
        got = await t.ada.call("conversation.get", conversation_id=made["id"])
        assert got == {"conversation": made, "messages": [], "previous_cursor": None, "run": None}


async def test_a_cursor_of_another_conversation_is_refused_by_its_name() -> None:
    async with talk(answer("")) as t:
        made, other = await make_branch(t, ["a", "b"]), await make_branch(t, ["c", "d"])
        for cursor in (str(other.leaf_id), "x", "00000000-0000-4000-8000-000000000000"):
            fields = await wrong_fields(t.ada, "conversation.get", conversation_id=str(made.pk), before=cursor)
            assert fields == {"before"}


@pytest.mark.parametrize(
    ("character", "count"),
    [("x", 12), ("é", 7), ("😀", 5), (CONTROL, 4)],
    ids=["ascii", "two bytes", "four bytes", "escaped"],
)
async def test_long_messages_make_shorter_pages(character: str, count: int) -> None:
    async with talk(answer("")) as t:
        texts = [f"{n}{character * 90_000}" for n in range(count)]
        paged = await pages(t, await make_branch(t, texts))
        assert len(paged) > 1
        assert [part[:2] for page in reversed(paged) for part in said(page)] == [part[:2] for part in texts]
        if character != CONTROL:
            assert [part for page in reversed(paged) for part in said(page)] == texts
            assert not any("truncated" in s for page in paged for m in page for s in m["content"]["steps"])


async def test_a_step_that_is_too_large_is_shown_in_part() -> None:
    long = "word " * 60_000
    async with talk([thinking(long), text(long), text("end"), finish(), usage(), done()]) as t:
        sent = await t.ask("Hi")
        thought, said_last = t.ada.steps(sent["run_id"])
        assert (thought["content"], said_last["content"]) == (long, long + "end")
        shown = (await t.messages(sent["conversation_id"]))[-1]["content"]["steps"]
        for step in shown:
            assert step["truncated"] is True
            assert 0 < len(step["content"]) < len(long)
            assert long.startswith(step["content"])


async def test_a_step_of_many_megabytes_comes_live_in_parts_and_stored_as_a_part() -> None:
    long = "😀" * 300_000
    written = CONTROL * 200_000
    async with talk(calls(tool_call("no_such_tool", written)), [text(long), finish(), done()]) as t:
        sent = await t.ask("Hi")
        call, _, last = t.ada.steps(sent["run_id"])
        assert (call["arguments"], last["content"]) == (written, long)
        async with t.site.client() as back:
            await back.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
            await back.ended(sent["run_id"])
            assert back.steps(sent["run_id"]) == t.ada.steps(sent["run_id"])
        steps = (await t.messages(sent["conversation_id"]))[-1]["content"]["steps"]
        assert [s.get("truncated") for s in steps if s["type"] != "tool_result"] == [True, True]


async def test_the_longest_question_and_the_longest_system_prompt_fit_into_a_frame() -> None:
    async with talk(answer("Yes"), LLM_CONTEXT_WINDOW=10_000_000) as t:
        made = (await t.ada.call("conversation.create", system_prompt="😀" * 100_000))["conversation"]
        question = "😀" * 200_000
        await t.ask(question, conversation_id=made["id"])
        newest = await t.ada.call("conversation.get", conversation_id=made["id"])
        assert newest["conversation"]["system_prompt"] == "😀" * 100_000
        before = newest["previous_cursor"]
        assert said(newest["messages"]) == ["Yes"]
        (shown,) = (await t.ada.call("conversation.get", conversation_id=made["id"], before=before))["messages"]
        assert shown["truncated"] is True
        assert question.startswith(shown["content"]["text"])
        assert t.ada.of("message_added")[0]["message"]["content"]["text"] == question
        assert t.model.requests[0].body["messages"][-1]["content"] == question


async def test_a_question_of_control_characters_fits_into_a_frame() -> None:
    question = "?" + CONTROL * 166_000
    async with talk(answer("Yes")) as t:
        sent = await t.ask(question)
        shown = t.ada.of("message_added")[0]["message"]
        assert shown["truncated"] is True
        assert question.startswith(shown["content"]["text"])
        assert t.model.requests[0].body["messages"][-1]["content"] == question
        assert len(await t.messages(sent["conversation_id"])) >= 1
