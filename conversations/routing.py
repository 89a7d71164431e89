from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from channels.routing import URLRouter
from django.urls import path, re_path

from conversations.consumers import ChatConsumer
from conversations.runner.runner import Runner


def websocket_router(runner: Callable[[], Awaitable[Runner]]) -> URLRouter:
    chat = cast(Any, ChatConsumer.as_asgi(get_runner=runner))
    return URLRouter([path("ws/", chat), re_path("", cast(Any, refuse))])


async def refuse(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Refuses a handshake at an unknown path with 403."""
    await receive()
    await send({"type": "websocket.close"})
