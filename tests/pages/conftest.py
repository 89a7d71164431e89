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
from tests.pages.browsing import Chat, ScriptedModel, Wire, listen_for_complaints, make_first_account, serving

expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada", password="correct horse battery")


@pytest.fixture
def member(ada: User) -> Client:
    """Ada's, signed in."""
    client = Client()
    client.force_login(ada)
    return client


@pytest.fixture
def conversation(ada: User) -> Conversation:
    return Conversation.objects.create(owner=ada, title="Whales")


@pytest.fixture
def ask(conversation: Conversation) -> Callable[..., Message]:
    """Adds a question and its answer at the end of the branch; returns the answer. `steps` are the fields of each."""

    def ask(question: str, *steps: dict[str, Any], status: str = "complete", **run: Any) -> Message:
        asked = Message.objects.create(
            conversation=conversation, parent=conversation.leaf, role=Message.Role.USER, text=question
        )
        answer = Message.objects.create(
            conversation=conversation, parent=asked, role=Message.Role.ASSISTANT, status=status, model="small"
        )
        live = status == Message.Status.STREAMING
        Run.objects.create(
            user=conversation.owner,
            conversation=conversation,
            user_message=asked,
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

    return ask


@pytest.fixture(scope="session")
def scripted_model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def model(scripted_model: ScriptedModel) -> ScriptedModel:
    """The model behind the site; without a word from the test it says that whales sing."""
    scripted_model.forget()
    return scripted_model


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = Clone(tmp_path_factory.mktemp("clone"))
    clone.install()
    return clone


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The running server's."""
    return tmp_path_factory.mktemp("var") / "chatsite.sqlite3"


@pytest.fixture(scope="session")
def site(program: Clone, scripted_model: ScriptedModel, database: Path) -> Iterator[str]:
    """The address of a running server."""
    with threaded_model_server(scripted_model) as server, serving(program, database.parent, server.base_url) as address:
        yield address


@pytest.fixture(scope="session")
def signed_in(browser: Browser, site: str) -> StorageState:
    """The cookies of its administrator, Ada."""
    with browser.new_context() as context:
        make_first_account(context.new_page(), site)
        return context.storage_state()


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], site: str, signed_in: StorageState) -> dict[str, Any]:
    return {**browser_context_args, "base_url": site, "storage_state": signed_in}


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser's console complains of, which has to be nothing at the end."""
    found = listen_for_complaints(page)
    yield found
    assert found == []


@pytest.fixture
def wire(page: Page) -> Wire:
    return Wire(page)


@pytest.fixture
def chat(model: ScriptedModel, page: Page, complaints: list[str]) -> Chat:
    """A new chat."""
    page.goto("/")
    return Chat(page)
