"""Creates, changes and deletes conversations, and changes which messages are active and how they are rated."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from accounts.deletion import delete_rows
from conversations.errors import NotFound
from conversations.models import Conversation, Message, Project
from conversations.queries.lists import live_run_id


def create_conversation(*, user_id: int, project_id: uuid.UUID | None = None, **fields: Any) -> Conversation:
    """Creates a conversation. Raises NotFound for a project that is not the user's."""
    return Conversation.objects.create(owner_id=user_id, project_id=own_project_id(user_id, project_id), **fields)


def own_project_id(user_id: int, project_id: uuid.UUID | None) -> uuid.UUID | None:
    """Returns the id if the project is the user's. Raises NotFound."""
    if project_id is not None and not Project.objects.filter(pk=project_id, owner_id=user_id).exists():
        raise NotFound("project")
    return project_id


def own_conversation(user_id: int, conversation_id: uuid.UUID) -> Conversation:
    """Returns the user's conversation, locked until the transaction ends. Raises NotFound."""
    found = Conversation.objects.select_for_update().filter(pk=conversation_id, owner_id=user_id).first()
    if found is None:
        raise NotFound("conversation")
    return found


def update_conversation(*, user_id: int, conversation_id: uuid.UUID, fields: dict[str, Any]) -> Conversation:
    """Sets the given fields. Returns the conversation, with its `live_run_id`. Raises NotFound."""
    conversation = own_conversation(user_id, conversation_id)
    for name, value in fields.items():
        setattr(conversation, name, own_project_id(user_id, value) if name == "project_id" else value)
    if fields:
        conversation.save(update_fields=[name.removesuffix("_id") for name in fields])
    return Conversation.objects.annotate(live_run_id=live_run_id()).get(pk=conversation.pk)


def delete_conversation(*, user_id: int, conversation_id: uuid.UUID) -> None:
    """Deletes the conversation with its messages, runs and files; token usage stays. Raises NotFound."""
    own_conversation(user_id, conversation_id)
    delete_rows(Conversation.objects.filter(pk=conversation_id))


def set_archived(*, conversation_ids: Collection[uuid.UUID], archived: bool) -> None:
    """Archives the conversations of any owners, or takes them back from the archive."""
    Conversation.objects.filter(pk__in=conversation_ids).update(archived=archived)


def select_branch(*, user_id: int, message_id: uuid.UUID) -> Conversation:
    """Makes the newest branch through the message the active one. Returns the conversation. Raises NotFound."""
    message = Message.objects.filter(pk=message_id, conversation__owner_id=user_id).first()
    if message is None:
        raise NotFound("message")
    conversation = own_conversation(user_id, message.conversation_id)
    leaf_id = conversation.leaf_id
    if leaf_id is None or message_id not in Message.objects.branch_ids(leaf_id=leaf_id, limit=1_000_000):
        conversation.leaf_id = _newest_leaf(conversation, message_id)
        conversation.save(update_fields=["leaf"])
    return conversation


def rate_message(*, user_id: int, message_id: uuid.UUID, rating: int, comment: str | None) -> None:
    """Stores a rating, and the comment unless it is None. Raises NotFound."""
    fields: dict[str, Any] = {"rating": rating} if comment is None else {"rating": rating, "rating_comment": comment}
    if not Message.objects.filter(pk=message_id, conversation__owner_id=user_id).update(**fields):
        raise NotFound("message")


def _newest_leaf(conversation: Conversation, message_id: uuid.UUID) -> uuid.UUID:
    """Follows the newest child from the message to a leaf. Reads all ids of the conversation in one query."""
    newest_child: dict[uuid.UUID | None, uuid.UUID] = dict(
        conversation.messages.order_by("created_at", "id").values_list("parent_id", "pk")
    )
    leaf = message_id
    while leaf in newest_child:
        leaf = newest_child[leaf]
    return leaf
