"""Methods about what there is to choose from, and about the connection itself."""

from __future__ import annotations

from conversations.methods.caller import Caller, Reply, method
from conversations.models import Project
from conversations.protocol import objects, requests
from conversations.queries.listing import list_projects
from conversations.runs import store


@method("project.create", requests.ProjectCreate)
async def create_project(caller: Caller, params: requests.ProjectCreate, reply: Reply) -> None:
    project: Project = await caller.runner.write(store.create_project, user_id=caller.user.pk, **params.model_dump())
    reply({"project": objects.project_object(project)})


@method("project.list", requests.ProjectList)
async def project_list(caller: Caller, params: requests.ProjectList, reply: Reply) -> None:
    found = await caller.read(list_projects, user_id=caller.user.pk, cursor=params.cursor, limit=params.limit)
    reply({"projects": [objects.project_object(row) for row in found.rows], "next_cursor": found.next_cursor})


@method("models.list", requests.Nothing)
async def list_models(caller: Caller, params: requests.Nothing, reply: Reply) -> None:
    catalog = caller.runner.catalog
    reply({"models": [objects.model_object(e, default=e is catalog.default) for e in catalog.entries]})


@method("tools.list", requests.Nothing)
async def list_tools(caller: Caller, params: requests.Nothing, reply: Reply) -> None:
    reply({"tools": [objects.tool_object(tool) for tool in caller.tools]})


@method("flow.start", requests.FlowStart)
async def start_flow(caller: Caller, params: requests.FlowStart, reply: Reply) -> None:
    reply({})
    caller.subscriber.limit_unacknowledged(params.window)


@method("flow.ack", requests.FlowAck)
async def acknowledge_flow(caller: Caller, params: requests.FlowAck, reply: Reply) -> None:
    caller.subscriber.acknowledge(params.bytes)
    reply({})
