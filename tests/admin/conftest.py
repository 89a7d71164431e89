from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiToken, Preferences, User
from conversations.models import Conversation, Message, Project, Run, Step, TokenUsage


@pytest.fixture
def root(db: None) -> Client:
    """Returns a test client that is signed in as a superuser."""
    client = Client()
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create(username="ada")


@pytest.fixture
def make_conversation(ada: User) -> Callable[..., Conversation]:
    def make(*, words: str = "words", owner: User = ada) -> Conversation:
        project = Project.objects.create(owner=owner, name=words, instructions=words)
        return Conversation.objects.create(
            owner=owner, project=project, title=words, model=words, system_prompt=words, tools=[words]
        )

    return make


@pytest.fixture
def exchange(make_conversation: Callable[..., Conversation]) -> Callable[..., Run]:
    """Creates a question and an answer with every kind of step; all their texts contain `words`."""
    number = count(1)

    def make(*, words: str = "words", conversation: Conversation | None = None) -> Run:
        conversation = conversation or make_conversation(words=words)
        question = _message(conversation, Message.Role.USER, f"question {next(number)} {words}", conversation.leaf)
        answer = _message(conversation, Message.Role.ASSISTANT, f"answer {words}", question)
        conversation.leaf = answer
        conversation.save()
        _steps(answer, words)
        return _run(conversation, question, answer, words)

    return make


@pytest.fixture
def one_of_each(exchange: Callable[..., Run]) -> Callable[..., Run]:
    """Creates a row of every model that the admin shows."""

    def make(*, words: str = "words") -> Run:
        run = exchange(words=words)
        Preferences.objects.get_or_create(user=run.user, defaults={"language": words[:20], "default_model": words})
        ApiToken.objects.issue(user_id=run.user_id, name=words)
        return run

    return make


def _message(conversation: Conversation, role: str, text: str, parent: Message | None) -> Message:
    return Message.objects.create(
        conversation=conversation, role=role, text=text, parent=parent, model=text, rating_comment=text, token_count=7
    )


def _steps(answer: Message, words: str) -> None:
    fields: list[dict[str, Any]] = [
        {"type": "thinking", "content": f"pondering {words}", "duration": 3.2},
        {"type": "tool_call", "name": words, "arguments": f'{{"expression": "{words}"}}', "status": "finished"},
        {"type": "tool_result", "name": words, "content": f'{{"result": "{words}"}}', "success": True},
        {"type": "text", "content": f"conclusion {words}"},
    ]
    Step.objects.bulk_create(
        Step(message=answer, index=index, id_ref=words, **values) for index, values in enumerate(fields)
    )


def _run(conversation: Conversation, question: Message, answer: Message, words: str) -> Run:
    run = Run.objects.create(
        user=conversation.owner,
        conversation=conversation,
        user_message=question,
        message=answer,
        project=conversation.project,
        model=words,
        tools=[words],
        tool_choice={"type": words},
        status=Run.Status.FAILED,
        owner=words,
        error_code=words[:30],
        error_content=words,
        prompt_tokens=1100,
        completion_tokens=11,
    )
    TokenUsage.objects.create(
        user=run.user,
        run=run,
        conversation=conversation,
        model=words,
        iteration=1,
        prompt_tokens=1100,
        completion_tokens=11,
    )
    return run
