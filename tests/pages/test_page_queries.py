from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from conversations.models import Conversation, Message

STEPS = [
    {"type": "thinking", "content": "Hmm", "duration": 1},
    {"type": "tool_call", "id_ref": "a", "name": "calculator", "arguments": "{}", "status": "finished"},
    {"type": "tool_result", "id_ref": "a", "name": "calculator", "content": "{}", "success": True},
    {"type": "text", "content": "words of the answer"},
]


@pytest.fixture
def page_queries(ada_client: Client) -> Callable[[str], list[str]]:
    """Returns the queries of the second request for a page."""

    def page_queries(address: str) -> list[str]:
        ada_client.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert ada_client.get(address).status_code == 200
        return [query["sql"] for query in captured.captured_queries if "PRAGMA" not in query["sql"]]

    return page_queries


def test_the_number_of_queries_does_not_depend_on_the_length_of_a_conversation(
    page_queries: Callable[[str], list[str]], conversation: Conversation, add_exchange: Callable[..., Message]
) -> None:
    add_exchange("first", *STEPS)
    short = page_queries(f"/c/{conversation.pk}/")
    for number in range(20):
        add_exchange(f"question {number}", *STEPS)
    long = page_queries(f"/c/{conversation.pk}/")
    assert len(short) == len(long) <= 10, "\n".join(long)


def test_the_first_view_stores_all_rendered_texts_in_one_update(
    ada_client: Client, conversation: Conversation, add_exchange: Callable[..., Message]
) -> None:
    for number in range(20):
        add_exchange(f"question {number}", *STEPS)
    with CaptureQueriesContext(connection) as captured:
        ada_client.get(f"/c/{conversation.pk}/")
    assert sum(query["sql"].startswith("UPDATE") for query in captured.captured_queries) == 1


def test_the_conversation_list_takes_few_queries_and_reads_no_messages(
    page_queries: Callable[[str], list[str]], ada: User
) -> None:
    Conversation.objects.bulk_create(Conversation(owner=ada, title=str(number)) for number in range(200))
    made = page_queries("/conversations/")
    assert len(made) <= 3, "\n".join(made)
    assert not any("system_prompt" in sql or "conversations_message" in sql for sql in made)
