"""A question, its answer to be and the run that makes it: stored together, or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Literal, cast

from django.db import IntegrityError
from django.utils import timezone

from accounts.models import Preferences, User
from conversations.errors import RESTARTING, InvalidParams, NotFound, RateLimited, RunActive, Unavailable
from conversations.llm.types import ToolChoice
from conversations.models import Conversation, Message, Run
from conversations.providers.catalog import AvailableModels
from conversations.store.conversations import own_conversation, own_project_id
from conversations.store.idempotency import RequestKey, once
from conversations.store.users import lock_user

MAX_TITLE_FROM_QUESTION = 30
"""Characters of the first question that become the title."""


class Place(Enum):
    """Where a question goes that names no parent."""

    END_OF_BRANCH = "behind the active branch"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """`parent_id` is the answer that the question follows; None makes it a first question."""

    text: str
    conversation_id: uuid.UUID | None = None
    parent_id: uuid.UUID | Literal[Place.END_OF_BRANCH] | None = Place.END_OF_BRANCH
    project_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class EditedQuestion:
    """A new version of the question with this id."""

    message_id: uuid.UUID
    text: str


@dataclass(frozen=True, slots=True)
class RepeatedQuestion:
    """The question of the answer with this id, to be answered again."""

    message_id: uuid.UUID


Question = NewQuestion | EditedQuestion | RepeatedQuestion


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Who asks, and how to answer. Without `model`: the conversation's, else the user's, else the default."""

    user_id: int
    model: str | None = None
    tool_choice: ToolChoice | None = None
    tools_enabled: bool = True


def never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """On which terms this process makes answers: under its address `owner`, at most `max_runs` at once for a user.

    `is_closed` is called in the transaction: if it returns True, no run starts any more.
    """

    owner: str
    models: AvailableModels
    max_runs: int
    is_closed: Callable[[], bool] = never


@dataclass(frozen=True, slots=True)
class StoredQuestion:
    """A question, its answer to be and the run that makes it.

    `siblings` are the ids of the question's versions, in order; `is_new` is False for a question that is asked again.
    """

    conversation: Conversation
    user_message: Message
    message: Message
    run: Run
    siblings: list[str]
    is_new: bool

    def ids(self) -> dict[str, str]:
        """The result of `message.send` and its like."""
        return {
            "conversation_id": str(self.conversation.pk),
            "message_id": str(self.user_message.pk),
            "run_id": str(self.run.pk),
            "assistant_message_id": str(self.message.pk),
        }


def ask_once(
    *, key: RequestKey | None, question: Question, options: RunOptions, policy: RunPolicy
) -> tuple[StoredQuestion | None, dict[str, Any]]:
    """Stores a question and its run, unless a request with this key did so before.

    Returns what was stored, None for a repeated request, and the result for the client. Raises what `ask` does, and
    InvalidParams for a key that was used for another request.
    """
    return once(key, lambda: ask(question=question, options=options, policy=policy), StoredQuestion.ids)


def ask(*, question: Question, options: RunOptions, policy: RunPolicy) -> StoredQuestion:
    """Stores a question, its answer to be and the run that makes it. Its branch becomes the active one.

    Raises NotFound, RunActive, InvalidParams, RateLimited or Unavailable.
    """
    if policy.is_closed():
        raise Unavailable(RESTARTING)
    user = lock_user(options.user_id)
    now = timezone.now()
    conversation, user_message = _place(question, options.user_id, now)
    if Run.objects.filter(user_id=options.user_id, status__in=Run.LIVE).count() >= policy.max_runs:
        raise RateLimited("Too many answers are being made at once. Please wait for one to finish.", retry_after=5)
    is_first, is_new = conversation._state.adding, user_message._state.adding
    siblings = [str(user_message.pk)] if is_first else _versions(user_message)
    answer = Message(
        conversation=conversation,
        parent_id=user_message.pk,
        role=Message.Role.ASSISTANT,
        status=Message.Status.STREAMING,
        model=policy.models.first_available(
            options.model, conversation.model, Preferences.for_user(user).default_model
        ),
        created_at=now,
    )
    suggested_title = _set_title(conversation, user_message.text)
    conversation.leaf_id, conversation.updated_at = answer.pk, now
    if is_first:
        conversation.save(force_insert=True)
    else:
        conversation.save(update_fields=["leaf", "updated_at", "title"])
    Message.objects.bulk_create([user_message, answer] if is_new else [answer])
    run = _create_run(user, user_message, answer, options, policy.owner, suggested_title)
    return StoredQuestion(conversation, user_message, answer, run, siblings, is_new)


def _place(question: Question, user_id: int, now: datetime) -> tuple[Conversation, Message]:
    """Returns the conversation and the question; either is unsaved if it is new."""
    if isinstance(question, NewQuestion):
        conversation = _conversation_of(question, user_id)
        return conversation, _user_message(conversation, _parent_id(conversation, question), question.text, now)
    message = Message.objects.select_related("parent").filter(pk=question.message_id, conversation__owner_id=user_id)
    if (found := message.first()) is None:
        raise NotFound("message")
    if isinstance(question, EditedQuestion):
        if found.role != Message.Role.USER:
            raise InvalidParams({"message_id": "expected a question, not an answer"})
        conversation = _lock_idle_conversation(user_id, found.conversation_id)
        return conversation, _user_message(conversation, found.parent_id, question.text, now)
    if found.role != Message.Role.ASSISTANT or found.parent is None:
        raise InvalidParams({"message_id": "expected an answer, not a question"})
    return _lock_idle_conversation(user_id, found.conversation_id), found.parent


def _conversation_of(question: NewQuestion, user_id: int) -> Conversation:
    if question.conversation_id is None:
        return Conversation(owner_id=user_id, project_id=own_project_id(user_id, question.project_id))
    conversation = _lock_idle_conversation(user_id, question.conversation_id)
    if question.project_id not in (None, conversation.project_id):
        raise InvalidParams({"project_id": "is another than that of this conversation"})
    return conversation


def _lock_idle_conversation(user_id: int, conversation_id: uuid.UUID) -> Conversation:
    conversation = own_conversation(user_id, conversation_id)
    if Run.objects.filter(conversation=conversation, status__in=Run.LIVE).exists():
        raise RunActive
    return conversation


def _parent_id(conversation: Conversation, question: NewQuestion) -> uuid.UUID | None:
    if question.parent_id is Place.END_OF_BRANCH:
        return conversation.leaf_id
    if question.parent_id is None:
        return None
    parent = Message.objects.filter(pk=question.parent_id, conversation=conversation).only("role").first()
    if parent is None:
        raise NotFound("message")
    if parent.role != Message.Role.ASSISTANT:
        raise InvalidParams({"parent_id": "expected an answer, or null"})
    return parent.pk


def _user_message(conversation: Conversation, parent_id: uuid.UUID | None, text: str, now: datetime) -> Message:
    role = Message.Role.USER
    return Message(conversation=conversation, parent_id=parent_id, role=role, text=text, created_at=now)


def _versions(question: Message) -> list[str]:
    """The ids of the question's versions in order, itself included."""
    siblings = Message.objects.filter(
        conversation_id=question.conversation_id, parent_id=question.parent_id, role=question.role
    )
    ids = [str(pk) for pk in siblings.values_list("pk", flat=True)]
    return [*ids, str(question.pk)] if question._state.adding else ids


def _set_title(conversation: Conversation, text: str) -> str | None:
    """Sets the title from the first question, unless there is one. Returns the new title."""
    if conversation.title or not (conversation._state.adding or not conversation.messages.exists()):
        return None
    conversation.title = text.strip()[:MAX_TITLE_FROM_QUESTION]
    return conversation.title or None


def _create_run(
    user: User, question: Message, answer: Message, options: RunOptions, owner: str, title: str | None
) -> Run:
    conversation, tool_choice = answer.conversation, cast(Any, options.tool_choice)
    try:
        return Run.objects.create(
            user=user,
            conversation=conversation,
            user_message=question,
            message=answer,
            project_id=conversation.project_id,
            model=answer.model,
            tools=conversation.tools,
            tool_choice=tool_choice,
            tools_enabled=options.tools_enabled,
            thinking_enabled=conversation.thinking_enabled,
            temperature=conversation.temperature,
            max_tokens=conversation.max_tokens,
            owner=owner,
            suggested_title=title,
        )
    except IntegrityError as error:
        raise RunActive from error
