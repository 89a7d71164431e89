"""Methods that create, list, read, change, delete and subscribe to conversations."""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from conversations import store
from conversations.models import Conversation
from conversations.queries.branches import BranchPage, load_branch_page
from conversations.queries.lists import list_conversations
from conversations.runs.live import LiveRun
from conversations.websocket.methods.caller import (
    Caller,
    Reply,
    conversation_and_run,
    ended_run,
    method,
    optional_uuid,
    own_conversation,
    own_project,
    read_between_runs,
    request_key,
    validate_names,
)
from conversations.websocket.protocol import objects, requests
from conversations.websocket.protocol.requests import to_uuid


@method("conversation.create", requests.ConversationCreate)
async def create_conversation(caller: Caller, params: requests.ConversationCreate, reply: Reply) -> None:
    validate_names(caller, model=params.model, tools=params.tools)
    fields = params.model_dump(exclude={"request_id"})
    fields["project_id"] = optional_uuid(params.project_id, "project")
    conversation, result = await caller.runner.write(
        store.once,
        request_key(caller, "conversation.create", params),
        lambda: store.create_conversation(user_id=caller.user.pk, **fields),
        lambda created: {"conversation": objects.conversation_object(created, None)},
    )
    reply(result)
    if conversation is not None:
        caller.runner.conversation_changed(conversation)


@method("conversation.update", requests.ConversationUpdate)
async def update_conversation(caller: Caller, params: requests.ConversationUpdate, reply: Reply) -> None:
    validate_names(caller, model=params.model, tools=params.tools)
    fields = params.model_dump(exclude={"conversation_id"}, exclude_unset=True)
    if "project_id" in fields:
        fields["project_id"] = optional_uuid(params.project_id, "project")
    conversation = await caller.runner.write(
        store.update_conversation,
        user_id=caller.user.pk,
        conversation_id=to_uuid(params.conversation_id, "conversation"),
        fields=fields,
    )
    run_id = caller.runner.live_run_id(conversation)
    reply({"conversation": objects.conversation_object(conversation, run_id)})
    caller.runner.conversation_changed(conversation)


@method("conversation.delete", requests.ConversationDelete)
async def delete_conversation(caller: Caller, params: requests.ConversationDelete, reply: Reply) -> None:
    conversation_id = to_uuid(params.conversation_id, "conversation")
    await caller.runner.write(store.delete_conversation, user_id=caller.user.pk, conversation_id=conversation_id)
    reply({})
    caller.runner.conversation_deleted(user_id=caller.user.pk, conversation_id=str(conversation_id))


@method("conversation.list", requests.ConversationList)
async def conversation_list(caller: Caller, params: requests.ConversationList, reply: Reply) -> None:
    project_id = optional_uuid(params.project_id, "project")
    if project_id is not None:
        await caller.read(own_project, caller, project_id)
    found = await caller.read(
        list_conversations,
        user_id=caller.user.pk,
        query=params.query,
        project_id=project_id,
        archived=params.archived,
        pinned=params.pinned,
        cursor=params.cursor,
        limit=params.limit,
    )
    rows = [objects.conversation_summary(row, caller.runner.live_run_id(row)) for row in found.rows]
    reply({"conversations": rows, "next_cursor": found.next_cursor})


@method("conversation.get", requests.ConversationGet)
async def get_conversation(caller: Caller, params: requests.ConversationGet, reply: Reply) -> None:
    reply(await shown_page(caller, to_uuid(params.conversation_id, "conversation"), params.before, params.limit))


async def shown_page(caller: Caller, conversation_id: uuid.UUID, before: str | None, limit: int) -> dict[str, Any]:
    """Returns a page of the active branch, as the result of conversation.get and message.select."""

    def read() -> tuple[Conversation, BranchPage]:
        conversation = own_conversation(caller, conversation_id)
        page = load_branch_page(
            conversation=conversation,
            before=before,
            limit=limit,
            max_characters=objects.PAGE_BYTES,
        )
        return conversation, page

    (conversation, page), live = await read_between_runs(caller, conversation_id, read)
    shown = conversation_and_run(caller, conversation)
    messages, previous_cursor = objects.page_objects(page, live, reserved=len(orjson.dumps(shown)))
    return shown | {"messages": messages, "previous_cursor": previous_cursor}


@method("conversation.subscribe", requests.ConversationSubscribe)
async def subscribe(caller: Caller, params: requests.ConversationSubscribe, reply: Reply) -> None:
    conversation_id = to_uuid(params.conversation_id, "conversation")
    run_id = optional_uuid(params.run_id, "run")

    def read() -> tuple[Conversation, LiveRun | None]:
        conversation = own_conversation(caller, conversation_id)
        return conversation, ended_run(conversation_id, run_id) if run_id else None

    (conversation, ended), live = await read_between_runs(caller, conversation_id, read)
    reply(conversation_and_run(caller, conversation))
    if caller.subscriber.subscribe(str(conversation_id), live):
        caller.runner.subscribers.subscribe(str(conversation_id), caller.subscriber)
    if ended is not None:
        caller.subscriber.run_started(ended)


@method("conversation.unsubscribe", requests.ConversationUnsubscribe)
async def unsubscribe(caller: Caller, params: requests.ConversationUnsubscribe, reply: Reply) -> None:
    conversation_id = to_uuid(params.conversation_id, "conversation")
    if not caller.subscriber.is_subscribed(str(conversation_id)):
        await caller.read(own_conversation, caller, conversation_id)
    caller.subscriber.unsubscribe(str(conversation_id))
    caller.runner.subscribers.unsubscribe(str(conversation_id), caller.subscriber)
    reply({})
