from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from conversations.models import Conversation, Message

PAGES = ["/c/{conversation}/", "/c/{conversation}/messages/", "/c/{conversation}/messages/{message}/"]


@pytest.fixture
def stranger(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("eve"))
    return client


@pytest.mark.parametrize("path", PAGES)
def test_the_owner_can_open_a_conversation(path: str, ada_client: Client, add_exchange: Callable[..., Message]) -> None:
    answer = add_exchange("Do whales sing?", {"type": "text", "content": "They do."})
    response = ada_client.get(path.format(conversation=answer.conversation_id, message=answer.pk))
    assert response.status_code == 200
    assert "They do." in response.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_another_user_gets_page_not_found(path: str, stranger: Client, add_exchange: Callable[..., Message]) -> None:
    answer = add_exchange("Do whales sing?", {"type": "text", "content": "They do."})
    response = stranger.get(path.format(conversation=answer.conversation_id, message=answer.pk))
    assert response.status_code == 404
    assert "They do." not in response.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_an_anonymous_visitor_is_redirected_to_sign_in_with_the_way_back(
    path: str, client: Client, add_exchange: Callable[..., Message]
) -> None:
    answer = add_exchange("Do whales sing?")
    address = path.format(conversation=answer.conversation_id, message=answer.pk)
    response = client.get(address)
    assert (response.status_code, response["Location"]) == (302, f"/sign-in/?next={address}")


def test_a_message_is_not_found_under_another_conversation(
    ada: User, ada_client: Client, add_exchange: Callable[..., Message]
) -> None:
    answer = add_exchange("Do whales sing?")
    other = Conversation.objects.create(owner=ada)
    assert ada_client.get(f"/c/{other.pk}/messages/{answer.pk}/").status_code == 404


def test_an_unknown_conversation_shows_page_not_found(ada_client: Client) -> None:
    response = ada_client.get(f"/c/{uuid4()}/")
    assert response.status_code == 404
    assert "Page not found" in response.content.decode()


def test_the_conversation_list_shows_only_the_users_own(
    ada_client: Client, stranger: Client, conversation: Conversation
) -> None:
    assert "Whales" in ada_client.get("/").content.decode()
    assert "Whales" not in stranger.get("/").content.decode()
    assert "Whales" not in stranger.get("/conversations/").content.decode()


def test_conversation_pages_are_not_cached(ada_client: Client, conversation: Conversation) -> None:
    assert "no-store" in ada_client.get(f"/c/{conversation.pk}/")["Cache-Control"]
