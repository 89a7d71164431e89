from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from html import unescape

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from conversations.models import Conversation, Message, Run, Step


def read_url(conversation: Conversation) -> str:
    return reverse("admin:conversations_conversation_read", args=[conversation.pk])


def long_conversation(conversation: Conversation, length: int) -> list[Message]:
    """Creates a single branch of `length` messages, of which the last is the leaf."""
    ids = [uuid.uuid4() for _ in range(length)]
    messages = Message.objects.bulk_create(
        Message(
            pk=pk,
            conversation=conversation,
            parent_id=ids[number - 1] if number else None,
            role=("user", "assistant")[number % 2],
            text=f"message number {number}.",
        )
        for number, pk in enumerate(ids)
    )
    Conversation.objects.filter(pk=conversation.pk).update(leaf=ids[-1])
    return messages


def numbers_in(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"message number (\d+)\.", page)]


def test_an_answer_is_shown_in_step_order(root: Client, exchange: Callable[..., Run]) -> None:
    run = exchange(words="forty-two")
    page = unescape(root.get(read_url(run.conversation)).content.decode())
    parts = [
        "question 1 forty-two",
        "Thinking, 3.2 s",
        "pondering forty-two",
        "Tool call: forty-two",
        '{"expression": "forty-two"}',
        "Result of forty-two",
        '{"result": "forty-two"}',
        "conclusion forty-two",
    ]
    places = [page.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_an_answer_shows_its_tokens_and_its_error(root: Client, exchange: Callable[..., Run]) -> None:
    run = exchange()
    Run.objects.update(error_code="timeout", error_content="LLM request timed out")
    page = root.get(read_url(run.conversation)).content.decode()
    assert "1100 + 11 tokens" in page
    assert "timeout: LLM request timed out" in page


def test_only_the_active_branch_is_shown(root: Client, exchange: Callable[..., Run]) -> None:
    run = exchange()
    Message.objects.create(
        conversation=run.conversation, role="assistant", parent=run.user_message, text="another version"
    )
    page = root.get(read_url(run.conversation)).content.decode()
    assert "another version" not in page
    assert "one of 2 versions" in page


def test_whitespace_is_kept(root: Client, exchange: Callable[..., Run]) -> None:
    run = exchange()
    Step.objects.filter(type="text").update(content="\n  def f():\n\treturn 1\n")
    page = root.get(read_url(run.conversation)).content.decode()
    assert '<div class="verbatim" dir="auto">\n  def f():\n\treturn 1\n</div>' in page


def test_a_truncated_step_links_to_its_full_text(root: Client, exchange: Callable[..., Run]) -> None:
    run = exchange()
    step = Step.objects.get(type="tool_result")
    Step.objects.filter(pk=step.pk).update(content="x" * 400_000 + "end", size=400_003)
    page = root.get(read_url(run.conversation)).content.decode()
    whole = reverse("admin:conversations_step_change", args=[step.pk])
    assert f'<a href="{whole}">Show all of it: 400003 characters</a>' in page
    assert "xend" not in page
    assert "xend" in root.get(whole).content.decode()


def test_a_thousand_messages_are_paginated_and_each_is_shown_once(root: Client, exchange: Callable[..., Run]) -> None:
    conversation = exchange().conversation
    long_conversation(conversation, 1000)
    seen: list[int] = []
    url = read_url(conversation)
    for _ in range(1000):
        page = root.get(url).content.decode()
        seen = numbers_in(page) + seen
        older = re.search(r'href="(\?before=[^"]+)" rel="prev"', page)
        if not older:
            break
        url = read_url(conversation) + older[1]
    assert seen == list(range(1000))


def test_the_number_of_queries_does_not_grow_with_the_messages(root: Client, exchange: Callable[..., Run]) -> None:
    conversation = exchange().conversation
    with CaptureQueriesContext(connection) as short:
        root.get(read_url(conversation))
    long_conversation(conversation, 1000)
    with CaptureQueriesContext(connection) as long:
        page = root.get(read_url(conversation)).content.decode()
    assert numbers_in(page)[-1] == 999
    assert len(long) <= len(short) <= 15


def test_a_conversation_without_messages_opens(root: Client, ada: User) -> None:
    conversation = Conversation.objects.create(owner=ada)
    assert "No messages." in root.get(read_url(conversation)).content.decode()


@pytest.mark.parametrize("cursor", ["nonsense", str(uuid.UUID(int=1))])
def test_an_invalid_cursor_gives_404(root: Client, exchange: Callable[..., Run], cursor: str) -> None:
    assert root.get(read_url(exchange().conversation), {"before": cursor}).status_code == 404


def test_a_cursor_of_another_conversation_gives_404(root: Client, exchange: Callable[..., Run]) -> None:
    here, elsewhere = exchange(), exchange()
    assert root.get(read_url(here.conversation), {"before": str(elsewhere.message_id)}).status_code == 404


def test_an_unknown_conversation_gives_404(root: Client) -> None:
    url = reverse("admin:conversations_conversation_read", args=[uuid.uuid4()])
    assert root.get(url).status_code == 404


def test_only_staff_with_the_view_permission_can_read_a_conversation(
    client: Client, exchange: Callable[..., Run]
) -> None:
    run = exchange()
    client.force_login(run.user)
    assert client.get(read_url(run.conversation)).headers["Location"].startswith(reverse("admin:login"))
    clerk = User.objects.create(username="clerk", is_staff=True)
    client.force_login(clerk)
    assert client.get(read_url(run.conversation)).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_conversation"))
    assert client.get(read_url(run.conversation)).status_code == 200


def test_the_list_and_the_change_page_link_to_the_reader(root: Client, exchange: Callable[..., Run]) -> None:
    conversation = exchange().conversation
    for url in (
        reverse("admin:conversations_conversation_changelist"),
        reverse("admin:conversations_conversation_change", args=[conversation.pk]),
    ):
        assert f'href="{read_url(conversation)}"' in root.get(url).content.decode()
