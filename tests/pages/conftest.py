from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, StorageState, expect

from accounts.models import User
from conversations.models import Conversation, Message, Run, Step
from tests.clone import Clone
from tests.modelserver import threaded_model_server
from tests.pages.browsing import (
    Chat,
    ScriptedModel,
    WebSocketProxy,
    create_first_account,
    record_browser_errors,
    running_server,
)

expect.set_options(timeout=20_000)  # a busy machine is slow


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada", password="correct horse battery")


@pytest.fixture
def ada_client(ada: User) -> Client:
    """Returns a client signed in as Ada."""
    client = Client()
    client.force_login(ada)
    return client


@pytest.fixture
def conversation(ada: User) -> Conversation:
    return Conversation.objects.create(owner=ada, title="Whales")


@pytest.fixture
def add_exchange(conversation: Conversation) -> Callable[..., Message]:
    """Adds a question and an answer with the given step fields to the end of the branch, and returns the answer."""

    def add_exchange(text: str, *steps: dict[str, Any], status: str = "complete", **run: Any) -> Message:
        question = Message.objects.create(
            conversation=conversation, parent=conversation.leaf, role=Message.Role.USER, text=text
        )
        answer = Message.objects.create(
            conversation=conversation, parent=question, role=Message.Role.ASSISTANT, status=status, model="small"
        )
        live = status == Message.Status.STREAMING
        Run.objects.create(
            user=conversation.owner,
            conversation=conversation,
            user_message=question,
            message=answer,
            model="small",
            status=Run.Status.RUNNING if live else status,
            **run,
        )
        for index, fields in enumerate(steps):
            Step.objects.create(message=answer, index=index, size=len(fields.get("content", "")), **fields)
        conversation.leaf = answer
        conversation.save()
        return answer

    return add_exchange


@pytest.fixture(scope="session")
def scripted_model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def model(scripted_model: ScriptedModel) -> ScriptedModel:
    """Returns the model of the site; unless the test sets `reply`, it answers that whales sing."""
    scripted_model.reset()
    return scripted_model


@pytest.fixture(scope="session")
def installed_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = Clone(tmp_path_factory.mktemp("clone"))
    clone.install()
    return clone


@pytest.fixture(scope="session")
def database_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the path of the running server's database."""
    return tmp_path_factory.mktemp("var") / "chatsite.sqlite3"


@pytest.fixture(scope="session")
def site(installed_clone: Clone, scripted_model: ScriptedModel, database_path: Path) -> Iterator[str]:
    """Yields the URL of a running server."""
    with (
        threaded_model_server(scripted_model) as server,
        running_server(installed_clone, database_path.parent, server.base_url) as address,
    ):
        yield address


@pytest.fixture(scope="session")
def signed_in_state(browser: Browser, site: str) -> StorageState:
    """Returns the cookies of the site's administrator, Ada."""
    with browser.new_context() as context:
        create_first_account(context.new_page(), site)
        return context.storage_state()


@pytest.fixture
def browser_context_args(
    browser_context_args: dict[str, Any], site: str, signed_in_state: StorageState
) -> dict[str, Any]:
    return {**browser_context_args, "base_url": site, "storage_state": signed_in_state}


@pytest.fixture
def browser_errors(page: Page) -> Iterator[list[str]]:
    """Yields the list of browser errors and asserts at the end that it is empty."""
    found = record_browser_errors(page)
    yield found
    assert found == []


@pytest.fixture
def websocket(page: Page) -> WebSocketProxy:
    return WebSocketProxy(page)


@pytest.fixture
def chat(model: ScriptedModel, page: Page, browser_errors: list[str]) -> Chat:
    """Returns a new chat."""
    page.goto("/")
    return Chat(page)
