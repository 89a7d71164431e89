from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from conversations.models import Conversation, Message, Project, Run
from conversations.web.conversation_lists import period_label

NOW = datetime(2026, 3, 15, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))


def titles(html: str) -> list[str]:
    return re.findall(r'class="conversation-title" dir="auto">([^<]*)<', html)


@pytest.mark.parametrize(
    ("moment", "heading"),
    [
        (NOW + timedelta(minutes=5), "Today"),
        (datetime(2026, 3, 14, 23, 30, tzinfo=ZoneInfo("UTC")), "Today"),
        (datetime(2026, 3, 14, 22, 30, tzinfo=ZoneInfo("UTC")), "Yesterday"),
        (NOW - timedelta(days=7), "Previous 7 days"),
        (NOW - timedelta(days=8), "March 2026"),
        (NOW - timedelta(days=80), "December 2025"),
    ],
)
def test_conversations_are_grouped_by_day_in_the_users_time_zone(moment: datetime, heading: str) -> None:
    assert period_label(moment, NOW) == heading


def test_conversations_are_paginated_by_newest_activity(ada_client: Client, ada: User) -> None:
    now = timezone.now()
    Conversation.objects.bulk_create(
        Conversation(owner=ada, title=f"no {number}", updated_at=now - timedelta(hours=number)) for number in range(120)
    )
    page = ada_client.get("/").content.decode()
    found = titles(page.split("<template")[0])
    while "data-more" in page:
        page = ada_client.get(page.split('data-more href="')[1].split('"')[0].replace("&amp;", "&")).content.decode()
        found += titles(page)
    assert found == [f"no {number}" for number in range(120)]


def test_a_conversation_without_a_title_has_a_default_name(ada_client: Client, ada: User) -> None:
    Conversation.objects.create(owner=ada)
    assert titles(ada_client.get("/conversations/").content.decode()) == ["New conversation"]


def test_archived_conversations_are_not_listed(ada_client: Client, ada: User) -> None:
    Conversation.objects.create(owner=ada, title="old", archived=True)
    assert titles(ada_client.get("/conversations/").content.decode()) == []


def test_a_conversation_with_a_live_run_is_marked(ada_client: Client, ada: User, conversation: Conversation) -> None:
    assert 'class="conversation live"' not in ada_client.get("/conversations/").content.decode()
    question = Message.objects.create(conversation=conversation, role="user")
    answer = Message.objects.create(conversation=conversation, role="assistant", parent=question, status="streaming")
    Run.objects.create(user=ada, conversation=conversation, user_message=question, message=answer, model="small")
    assert 'class="conversation live"' in ada_client.get("/conversations/").content.decode()


def test_the_open_conversation_is_marked_as_current(ada_client: Client, conversation: Conversation) -> None:
    assert 'aria-current="page"' in ada_client.get(f"/c/{conversation.pk}/").content.decode()
    assert 'aria-current="page"' not in ada_client.get("/").content.decode()


def test_an_unknown_cursor_is_a_bad_request(ada_client: Client) -> None:
    assert ada_client.get("/conversations/?before=nonsense").status_code == 400


def test_pinned_conversations_come_first_across_all_pages(ada_client: Client, ada: User) -> None:
    now = timezone.now()
    Conversation.objects.bulk_create(
        Conversation(
            owner=ada, title=f"{number}", pinned=number % 2 == 1, updated_at=now - timedelta(hours=number // 4)
        )
        for number in range(130)
    )
    page = ada_client.get("/conversations/").content.decode()
    assert re.findall(r"<h2>([^<]*)</h2>", page) == ["Pinned"]
    found = titles(page)
    while "data-more" in page:
        page = ada_client.get(page.split('data-more href="')[1].split('"')[0].replace("&amp;", "&")).content.decode()
        found += titles(page)
    assert len(found) == len(set(found)) == 130
    assert all(int(title) % 2 for title in found[:65])
    hours = [int(title) // 4 for title in found]
    assert hours[:65] == sorted(hours[:65])
    assert hours[65:] == sorted(hours[65:])


def test_archived_conversations_have_their_own_page(ada_client: Client, ada: User) -> None:
    now = timezone.now()
    Conversation.objects.bulk_create(
        Conversation(owner=ada, title=f"{number}", archived=number > 0, updated_at=now - timedelta(hours=number))
        for number in range(71)
    )
    page = ada_client.get("/archived/").content.decode().split("<main")[1]
    assert titles(page.split("<template")[0]) == [f"{number}" for number in range(1, 51)]
    rest = ada_client.get(page.split('data-more href="')[1].split('"')[0].replace("&amp;", "&")).content.decode()
    assert titles(rest) == [f"{number}" for number in range(51, 71)]


def test_the_sidebar_shows_the_five_newest_projects(ada_client: Client, ada: User) -> None:
    for number in range(7):
        Project.objects.create(owner=ada, name=f"project {number}")
    shown = re.findall(r"project \d", ada_client.get("/").content.decode())
    assert shown == [f"project {number}" for number in (6, 5, 4, 3, 2)]
