"""Methods that list the models and tools a person may use."""

from __future__ import annotations

from conversations.websocket.methods.caller import Caller, Reply, method
from conversations.websocket.protocol import objects, requests


@method("models.list", requests.NoParams)
async def list_models(caller: Caller, params: requests.NoParams, reply: Reply) -> None:
    catalog = caller.runner.catalog
    reply({"models": [objects.model_object(e, default=e is catalog.default) for e in catalog.entries]})


@method("tools.list", requests.NoParams)
async def list_tools(caller: Caller, params: requests.NoParams, reply: Reply) -> None:
    reply({"tools": [objects.tool_object(tool) for tool in caller.tools]})
