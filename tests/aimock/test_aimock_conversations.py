"""Every request of a conversation is valid for OpenAI, also after failures."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.aimock.finished_runs import ask, connected_client, wait_for_run
from tests.aimock.openai_request import check_request
from tests.aimock.server import Aimock

pytestmark = [pytest.mark.requires_node, pytest.mark.django_db(transaction=True)]


def roles(request: dict[str, Any]) -> str:
    """Returns the roles of the messages, one letter each."""
    return "".join(message["role"][0] for message in request["messages"])


async def test_each_request_starts_with_the_messages_of_the_previous_one(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Say hello")
        await ask(ada, "Do three things at once", conversation_id=run.conversation_id)
        await ask(ada, "Announce it, then add", conversation_id=run.conversation_id)
    requests = aimock.requests()
    assert [roles(request) for request in requests] == ["su", "suau", "suauattt", "suauatttau", "suauatttauat"]
    for earlier, later in itertools.pairwise(requests):
        check_request(later)
        assert without_reasoning(later)[: len(earlier["messages"])] == without_reasoning(earlier)


def without_reasoning(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the messages without their reasoning, which is sent back only within a run."""
    return [
        {name: value for name, value in message.items() if name != "reasoning_content"}
        for message in request["messages"]
    ]


async def test_the_reasoning_of_an_answer_without_tools_is_not_sent_again(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Think first")
        await ask(ada, "Say hello", conversation_id=run.conversation_id)
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
    async with connected_client(aimock.base_url, MAX_ITERATIONS=2) as ada:
        run = await ask(ada, "Write no JSON")
        for question in questions:
            run = await ask(ada, question, conversation_id=run.conversation_id)
        assert run.end == "done"
    requests = aimock.requests()
    for request in requests:
        check_request(request)
    sent_questions = [message["content"] for message in requests[-1]["messages"] if message["role"] == "user"]
    assert sent_questions == ["Write no JSON", *questions]
    assert "These words come, bu" in [message["content"] for message in requests[-1]["messages"]]


async def test_edited_and_regenerated_messages_send_only_their_own_branch(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        first = await ask(ada, "Say hello")
        second = await ada.call("message.send", text="Think first", conversation_id=first.conversation_id)
        await wait_for_run(ada, second)
        edited = await ada.call("message.edit", message_id=second["message_id"], text="Announce it, then add")
        run = await wait_for_run(ada, edited)
        again = await ada.call("message.regenerate", message_id=run.message_id)
        await wait_for_run(ada, again)
    requests = aimock.requests()
    for request in requests:
        check_request(request)
    assert [roles(request) for request in requests] == ["su", "suau", "suau", "suauat", "suau", "suauat"]
    assert "Think first" not in str(requests[2:])
