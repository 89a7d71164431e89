"""Over a whole conversation, whatever went wrong in it, a server that others wrote is sent what OpenAI would take."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.aimock.asking import ask, asking, followed
from tests.aimock.openai_request import check_request
from tests.aimock.server import Aimock

pytestmark = [pytest.mark.requires_node, pytest.mark.django_db(transaction=True)]


def roles(request: dict[str, Any]) -> str:
    """One letter for each message."""
    return "".join(message["role"][0] for message in request["messages"])


async def test_what_was_sent_once_is_the_beginning_of_what_is_sent_next(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Say hello")
        await ask(ada, "Do three things at once", conversation_id=asked.conversation_id)
        await ask(ada, "Announce it, then add", conversation_id=asked.conversation_id)
    requests = aimock.requests()
    assert [roles(request) for request in requests] == ["su", "suau", "suauattt", "suauatttau", "suauatttauat"]
    for earlier, later in itertools.pairwise(requests):
        check_request(later)
        assert spoken(later)[: len(earlier["messages"])] == spoken(earlier)


def spoken(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages without their reasoning, which goes back within a run."""
    return [
        {name: value for name, value in message.items() if name != "reasoning_content"}
        for message in request["messages"]
    ]


async def test_the_reasoning_of_an_answer_without_tools_is_not_sent_again(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Think first")
        await ask(ada, "Say hello", conversation_id=asked.conversation_id)
    assert not [message for message in aimock.requests()[-1]["messages"] if "reasoning_content" in message]


async def test_after_every_kind_of_failure_the_next_request_is_valid(aimock: Aimock) -> None:
    questions = [
        "Fail inside",
        "Break off in the text",
        "Be busy for good",
        "Break off in a call",
        "Use tools wrongly",
        "Never stop",
        "Say hello",
    ]
    async with asking(aimock.base_url, MAX_ITERATIONS=2) as ada:
        asked = await ask(ada, "Write no JSON")
        for question in questions:
            asked = await ask(ada, question, conversation_id=asked.conversation_id)
        assert asked.end == "done"
    requests = aimock.requests()
    for request in requests:
        check_request(request)
    said = [message["content"] for message in requests[-1]["messages"] if message["role"] == "user"]
    assert said == ["Write no JSON", *questions]
    assert "These words come, bu" in [message["content"] for message in requests[-1]["messages"]]


async def test_edited_and_repeated_questions_send_their_own_branch_alone(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        first = await ask(ada, "Say hello")
        second = await ada.call("message.send", text="Think first", conversation_id=first.conversation_id)
        await followed(ada, second)
        edited = await ada.call("message.edit", message_id=second["message_id"], text="Announce it, then add")
        asked = await followed(ada, edited)
        again = await ada.call("message.regenerate", message_id=asked.message_id)
        await followed(ada, again)
    requests = aimock.requests()
    for request in requests:
        check_request(request)
    assert [roles(request) for request in requests] == ["su", "suau", "suau", "suauat", "suau", "suauat"]
    assert "Think first" not in str(requests[2:])
