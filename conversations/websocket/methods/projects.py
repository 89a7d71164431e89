"""Methods about projects."""

from __future__ import annotations

from conversations import store
from conversations.models import Project
from conversations.queries.lists import list_projects
from conversations.websocket.methods.caller import Caller, Reply, method
from conversations.websocket.protocol import objects, requests


@method("project.create", requests.ProjectCreate)
async def create_project(caller: Caller, params: requests.ProjectCreate, reply: Reply) -> None:
    project: Project = await caller.runner.write(store.create_project, user_id=caller.user.pk, **params.model_dump())
    reply({"project": objects.project_object(project)})


@method("project.list", requests.ProjectList)
async def project_list(caller: Caller, params: requests.ProjectList, reply: Reply) -> None:
    found = await caller.read(list_projects, user_id=caller.user.pk, cursor=params.cursor, limit=params.limit)
    reply({"projects": [objects.project_object(row) for row in found.rows], "next_cursor": found.next_cursor})
