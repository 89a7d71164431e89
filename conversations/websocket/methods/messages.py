"""Methods that send, edit, select and rate messages, read their steps, and cancel their runs."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from conversations import store
from conversations.errors import InvalidParams, NotFound, Unavailable
from conversations.models import Message
from conversations.queries.step_text import StepText, live_step_text, load_step_text
from conversations.websocket.methods.caller import (
    Caller,
    Reply,
    ended_run,
    live_run,
    method,
    optional_uuid,
    read_between_runs,
    request_key,
    validate_names,
)
from conversations.websocket.methods.conversations import shown_page
from conversations.websocket.protocol import objects, requests
from conversations.websocket.protocol.requests import to_uuid

PAGE = 50
"""Messages that message.select shows."""


@method("message.send", requests.MessageSend)
async def send_message(caller: Caller, params: requests.MessageSend, reply: Reply) -> None:
    has_parent = "parent_id" in params.model_fields_set
    question = store.NewQuestion(
        text=params.text,
        conversation_id=optional_uuid(params.conversation_id, "conversation"),
        parent_id=optional_uuid(params.parent_id, "message") if has_parent else store.Place.END_OF_BRANCH,
        project_id=optional_uuid(params.project_id, "project"),
    )
    await _ask(caller, "message.send", question, params, reply)


@method("message.edit", requests.MessageEdit)
async def edit_message(caller: Caller, params: requests.MessageEdit, reply: Reply) -> None:
    question = store.EditedQuestion(to_uuid(params.message_id, "message"), params.text)
    await _ask(caller, "message.edit", question, params, reply)


@method("message.regenerate", requests.MessageRegenerate)
async def regenerate_message(caller: Caller, params: requests.MessageRegenerate, reply: Reply) -> None:
    question = store.RepeatedQuestion(to_uuid(params.message_id, "message"))
    await _ask(caller, "message.regenerate", question, params, reply)


async def _ask(caller: Caller, method: str, question: store.Question, params: requests.RunParams, reply: Reply) -> None:
    validate_names(caller, model=params.model)
    choice = params.tool_choice
    options = store.RunOptions(
        user_id=caller.user.pk,
        model=params.model,
        tool_choice=choice.model_dump() if isinstance(choice, requests.ForcedFunction) else choice,
        tools_enabled=params.tools_enabled,
    )

    conversation_id = run_id = ""

    def acknowledge(result: dict[str, Any]) -> None:
        nonlocal conversation_id, run_id
        reply(result)
        conversation_id, run_id = result["conversation_id"], result["run_id"]
        if caller.subscriber.subscribe(conversation_id, caller.runner.live_run(conversation_id)):
            caller.runner.subscribers.subscribe(conversation_id, caller.subscriber)

    await caller.runner.ask(question, options, key=request_key(caller, method, params), acknowledge=acknowledge)
    with suppress(Unavailable, NotFound):  # the request was acknowledged already
        await _show_run(caller, uuid.UUID(conversation_id), uuid.UUID(run_id))


async def _show_run(caller: Caller, conversation_id: uuid.UUID, run_id: uuid.UUID) -> None:
    """Sends the run of a request, which may be another process's or have ended if the request was repeated."""
    live = await live_run(caller, conversation_id)
    if live is None or live.identity.run_id != str(run_id):
        ended = await caller.read(ended_run, conversation_id, run_id)
        if ended is not None:
            caller.subscriber.run_started(ended)
    if live is not None:
        caller.subscriber.run_started(live)


@method("message.select", requests.MessageSelect)
async def select_message(caller: Caller, params: requests.MessageSelect, reply: Reply) -> None:
    conversation = await caller.runner.write(
        store.select_branch, user_id=caller.user.pk, message_id=to_uuid(params.message_id, "message")
    )
    reply(await shown_page(caller, conversation.pk, None, PAGE))
    caller.runner.conversation_changed(conversation)


@method("message.rate", requests.MessageRate)
async def rate_message(caller: Caller, params: requests.MessageRate, reply: Reply) -> None:
    await caller.runner.write(
        store.rate_message,
        user_id=caller.user.pk,
        message_id=to_uuid(params.message_id, "message"),
        rating=params.rating,
        comment=params.comment,
    )
    reply({})


@method("step.get", requests.StepGet)
async def get_step(caller: Caller, params: requests.StepGet, reply: Reply) -> None:
    message_id = to_uuid(params.message_id, "message")
    index = int(params.id.removeprefix("step-"))

    def read() -> StepText | None:
        return load_step_text(message_id, index, params.offset, params.limit)

    conversation_id = await caller.read(_conversation_of, caller, message_id)
    found, live = await read_between_runs(caller, conversation_id, read)
    if live is not None and live.identity.message_id == str(message_id):
        found = live_step_text(live, index, params.offset, params.limit) or found
    if found is None:
        raise NotFound("step")
    if params.field not in (None, found.field):
        raise InvalidParams({"field": f"expected {found.field}: this step has nothing else"})
    reply(objects.step_text_object(found, params.offset))


def _conversation_of(caller: Caller, message_id: uuid.UUID) -> uuid.UUID:
    message = Message.objects.filter(pk=message_id, conversation__owner_id=caller.user.pk).only("conversation").first()
    if message is None:
        raise NotFound("message")
    return message.conversation_id


@method("run.cancel", requests.RunCancel)
async def cancel_run(caller: Caller, params: requests.RunCancel, reply: Reply) -> None:
    run_id = to_uuid(params.run_id, "run")
    await caller.runner.write(store.request_cancel, user_id=caller.user.pk, run_id=run_id)
    reply({})
    caller.runner.cancel_everywhere(str(run_id))
