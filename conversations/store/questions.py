"""A question, its answer to be and the run that makes it: stored together, or not at all."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Literal, cast

from django.db import IntegrityError
from django.utils import timezone

from accounts.models import Preferences, User
from conversations.errors import InvalidParams, NotFound, RateLimited, RunActive
from conversations.llm.types import ToolChoice
from conversations.models import Conversation, Message, Run
from conversations.providers.catalog import ModelChoice
from conversations.store.conversations import own_conversation, own_project_id
from conversations.store.users import lock_user

TITLE_FROM_QUESTION = 30
"""Characters of the first question that make the title."""


class Place(Enum):
    """Where a question goes that is not said to follow an answer."""

    END_OF_BRANCH = "behind the active branch"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """`parent_id` is the answer to ask after; None makes a new first question."""

    text: str
    conversation_id: uuid.UUID | None = None
    parent_id: uuid.UUID | Literal[Place.END_OF_BRANCH] | None = Place.END_OF_BRANCH
    project_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class EditedQuestion:
    """Another version of a question, answered anew."""

    message_id: uuid.UUID
    text: str


@dataclass(frozen=True, slots=True)
class RepeatedQuestion:
    """Another answer beside the one with this id."""

    message_id: uuid.UUID


Question = NewQuestion | EditedQuestion | RepeatedQuestion


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Who asks, and how to answer. No `model`: the conversation's, else the person's, else the default."""

    user_id: int
    model: str | None = None
    tool_choice: ToolChoice | None = None
    tools_enabled: bool = True


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """On which answers are made here: by whom, with what, and how many at once for one person."""

    owner: str
    models: ModelChoice
    max_runs: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What was stored. `siblings`: the ids of the question's versions; `is_new` is false if it is asked again."""

    conversation: Conversation
    user_message: Message
    message: Message
    run: Run
    siblings: list[str]
    is_new: bool


def ask(*, question: Question, options: RunOptions, policy: RunPolicy) -> Asked:
    """Stores what is asked and begins its run. Its branch becomes the active one.

    Raises NotFound, RunActive, InvalidParams or RateLimited.
    """
    person = lock_user(options.user_id)
    now = timezone.now()
    conversation, asked = _place(question, options.user_id, now)
    if Run.objects.filter(user_id=options.user_id, status__in=Run.LIVE).count() >= policy.max_runs:
        raise RateLimited("Too many answers are being made at once. Please wait for one to finish.", retry_after=5)
    is_first = conversation._state.adding
    siblings = [str(asked.pk)] if is_first else _versions(asked)
    answer = Message(
        conversation=conversation,
        parent_id=asked.pk,
        role=Message.Role.ASSISTANT,
        status=Message.Status.STREAMING,
        model=policy.models.first_known(options.model, conversation.model, Preferences.of(person).default_model),
        created_at=now,
    )
    suggested_title = _give_title(conversation, asked.text)
    conversation.leaf_id, conversation.updated_at = answer.pk, now
    if is_first:
        conversation.save(force_insert=True)
    else:
        conversation.save(update_fields=["leaf", "updated_at", "title"])
    is_new = asked._state.adding
    Message.objects.bulk_create([asked, answer] if is_new else [answer])
    run = _begin_run(person, asked, answer, options, policy.owner, suggested_title)
    return Asked(conversation, asked, answer, run, siblings, is_new)


def _place(question: Question, user_id: int, now: datetime) -> tuple[Conversation, Message]:
    """The conversation, not stored yet if it is new, and the question likewise."""
    if isinstance(question, NewQuestion):
        conversation = _conversation(question, user_id)
        return conversation, _question(conversation, _parent_id(conversation, question), question.text, now)
    message = _own_message(question.message_id, user_id)
    if isinstance(question, EditedQuestion):
        if message.role != Message.Role.USER:
            raise InvalidParams({"message_id": "expected a question, not an answer"})
        conversation = _idle(user_id, message.conversation_id)
        return conversation, _question(conversation, message.parent_id, question.text, now)
    if message.role != Message.Role.ASSISTANT or message.parent is None:
        raise InvalidParams({"message_id": "expected an answer, not a question"})
    return _idle(user_id, message.conversation_id), message.parent


def _conversation(question: NewQuestion, user_id: int) -> Conversation:
    if question.conversation_id is None:
        return Conversation(owner_id=user_id, project_id=own_project_id(user_id, question.project_id))
    found = _idle(user_id, question.conversation_id)
    if question.project_id not in (None, found.project_id):
        raise InvalidParams({"project_id": "is another than that of this conversation"})
    return found


def _idle(user_id: int, conversation_id: uuid.UUID) -> Conversation:
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


def _question(conversation: Conversation, parent_id: uuid.UUID | None, text: str, now: datetime) -> Message:
    role = Message.Role.USER
    return Message(conversation=conversation, parent_id=parent_id, role=role, text=text, created_at=now)


def _own_message(message_id: uuid.UUID, user_id: int) -> Message:
    messages = Message.objects.select_related("parent")
    found = messages.filter(pk=message_id, conversation__owner_id=user_id).first()
    if found is None:
        raise NotFound("message")
    return found


def _versions(question: Message) -> list[str]:
    """Ids of the question's versions in order, its own included."""
    place = Message.objects.filter(
        conversation_id=question.conversation_id, parent_id=question.parent_id, role=question.role
    )
    others = [str(pk) for pk in place.values_list("pk", flat=True)]
    return [*others, str(question.pk)] if question._state.adding else others


def _give_title(conversation: Conversation, text: str) -> str | None:
    """Once: of the first question, where no person has given one."""
    if conversation.title or not (conversation._state.adding or not conversation.messages.exists()):
        return None
    conversation.title = text.strip()[:TITLE_FROM_QUESTION]
    return conversation.title or None


def _begin_run(
    person: User, asked: Message, answer: Message, options: RunOptions, owner: str, title: str | None
) -> Run:
    conversation, choice = answer.conversation, cast(Any, options.tool_choice)
    try:
        return Run.objects.create(
            user=person,
            conversation=conversation,
            user_message=asked,
            message=answer,
            project_id=conversation.project_id,
            model=answer.model,
            tools=conversation.tools,
            tool_choice=choice,
            tools_enabled=options.tools_enabled,
            thinking_enabled=conversation.thinking_enabled,
            temperature=conversation.temperature,
            max_tokens=conversation.max_tokens,
            owner=owner,
            suggested_title=title,
        )
    except IntegrityError as error:
        raise RunActive from error
