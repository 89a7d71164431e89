"""The caller of a method, and what several methods share."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import orjson

from accounts.models import User
from conversations import store
from conversations.db.threads import DatabaseUnavailable
from conversations.errors import InvalidParams, NotFound, Unavailable
from conversations.models import Conversation, Project, Run
from conversations.queries.branches import BadCursor
from conversations.queries.catch_up import load_live_run
from conversations.queries.stored_runs import restore_ended_run
from conversations.runner.runner import Runner
from conversations.runs.live import LiveRun
from conversations.websocket.connection.subscriber import Subscriber
from conversations.websocket.protocol import objects, requests
from conversations.websocket.protocol.requests import Params, to_uuid
from tools.types import Tool, ToolUser

Reply = Callable[[dict[str, Any]], None]
Method = Callable[["Caller", Any, Reply], Awaitable[None]]
METHODS: dict[str, tuple[type[Params], Method]] = {}

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated user of a connection."""

    user: User
    runner: Runner
    subscriber: Subscriber

    async def read(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls a function that reads the database. Raises RequestError."""
        try:
            return await self.runner.readers.run(function, *args, **kwargs)
        except DatabaseUnavailable as error:
            raise Unavailable from error
        except BadCursor as error:
            raise InvalidParams({error.name: "is none that this server gave"}) from error

    @property
    def tools(self) -> list[Tool]:
        return self.runner.tools.for_user(ToolUser(self.user.pk, self.user.get_username()))


def method(name: str, params_type: type[Params]) -> Callable[[Method], Method]:
    """Registers the function for a method of the protocol, whose params are validated as `params_type`."""

    def register(function: Method) -> Method:
        METHODS[name] = params_type, function
        return function

    return register


def own_conversation(caller: Caller, conversation_id: uuid.UUID) -> Conversation:
    """Reads a conversation of the caller. Raises NotFound."""
    found = Conversation.objects.filter(pk=conversation_id, owner_id=caller.user.pk).first()
    if found is None:
        raise NotFound("conversation")
    return found


def own_project(caller: Caller, project_id: uuid.UUID) -> Project:
    """Reads a project of the caller. Raises NotFound."""
    found = Project.objects.filter(pk=project_id, owner_id=caller.user.pk).first()
    if found is None:
        raise NotFound("project")
    return found


async def read_between_runs(
    caller: Caller, conversation_id: uuid.UUID, read: Callable[[], T]
) -> tuple[T, LiveRun | None]:
    """Reads while no run of the conversation starts or ends. Returns what was read, and the live run."""
    while True:
        live = await live_run(caller, conversation_id)
        found = await caller.read(read)
        if caller.runner.live_run(str(conversation_id)) is live:
            return found, live


async def live_run(caller: Caller, conversation_id: uuid.UUID) -> LiveRun | None:
    """Returns the conversation's live run, on whichever process. Raises RequestError."""
    runner = caller.runner
    live = runner.live_run(str(conversation_id))
    if live is not None or runner.is_single_process:
        return live
    snapshot = await caller.read(load_live_run, conversation_id)
    return runner.follow(snapshot.run, snapshot.stored) if snapshot is not None else None


def ended_run(conversation_id: uuid.UUID, run_id: uuid.UUID) -> LiveRun | None:
    """Returns the run with all its steps, None if it has not ended. Raises NotFound."""
    run = Run.objects.select_related("conversation").filter(pk=run_id, conversation=conversation_id).first()
    if run is None:
        raise NotFound("run")
    return None if run.status in Run.LIVE else restore_ended_run(run)


def conversation_and_run(caller: Caller, conversation: Conversation) -> dict[str, Any]:
    """Returns the objects of a conversation and of its live run, as results have them."""
    live = caller.runner.live_run(str(conversation.pk))
    return {
        "conversation": objects.conversation_object(conversation, live.identity.run_id if live else None),
        "run": objects.run_object(live) if live else None,
    }


def optional_uuid(value: str | None, what: str) -> uuid.UUID | None:
    return None if value is None else to_uuid(value, what)


def validate_names(caller: Caller, *, model: str | None, tools: list[str] | None = None) -> None:
    """Raises InvalidParams for a model or tools that the caller may not use."""
    errors = {}
    if model is not None and caller.runner.catalog.get(model) is None:
        errors["model"] = "is none of models.list"
    known = {tool.name for tool in caller.tools}
    if unknown := [name for name in tools or () if name not in known]:
        errors["tools"] = f"not among tools.list: {', '.join(unknown[:5])}"
    if errors:
        raise InvalidParams(errors)


def request_key(
    caller: Caller, method: str, params: requests.RunParams | requests.ConversationCreate
) -> store.RequestKey | None:
    """Returns the key under which the request is carried out once, None without a `request_id`."""
    if params.request_id is None:
        return None
    request = {"method": method, **params.model_dump(exclude={"request_id"}, exclude_unset=True)}
    digest = hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return store.RequestKey(caller.user.pk, params.request_id, digest)
