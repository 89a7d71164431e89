"""Measures reading a conversation's newest page and the list of conversations, over 1, 10 and 100 times their size.

Pages are requested in this process, without a network; protocol methods are called over a WebSocket to a server. The
first request for a page also renders and stores its Markdown, so it is a separate figure.
"""

from __future__ import annotations

from benchmarks.rig import site  # isort: skip  it sets Django up

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, User
from benchmarks.rig.programs import Cores, Programs, ServerKind
from benchmarks.rig.report import Figure, Report, option_parser
from benchmarks.rig.websocket import WebSocket
from chatsite.preparation import collect_static_files
from conversations.models import Conversation, Message, Step

PAGE_BAR_MS, LIST_BAR_MS, LIST_BAR_QUERIES = 30.0, 20.0, 3
BAR_MESSAGES, BAR_CONVERSATIONS = 1000, 10_000
PARAGRAPH = "The **relay** keeps a cursor for each of those who follow: `sent` says how much of it they have seen.\n\n"
CODE = (
    "```python\ndef new(run, cursor):\n    return run.text[cursor.sent:]\n```\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n"
)
ANSWER = PARAGRAPH * 4 + CODE + PARAGRAPH * 2


class QueryCounter:
    """Counts the database queries of this process in all threads."""

    def __init__(self) -> None:
        self.count = 0
        connection.execute_wrappers.append(self._execute)
        connection_created.connect(self._watch)

    def _watch(self, connection: BaseDatabaseWrapper, **details: Any) -> None:
        if self._execute not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._execute)

    def _execute(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.count += 1
        return execute(*arguments)


queries = QueryCounter()


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one request. CPU time is more meaningful than time on a busy machine."""

    milliseconds: float
    cpu_milliseconds: float
    queries: int


def measure(action: Callable[[], object], rounds: int) -> Cost:
    """Returns the median of `rounds` measurements, after one to warm up."""
    action()
    queries_before, cpu = queries.count, time.process_time()
    milliseconds = statistics.median([_milliseconds(action) for _ in range(rounds)])
    cpu = time.process_time() - cpu
    return Cost(milliseconds, cpu / rounds * 1000, (queries.count - queries_before) // rounds)


def _milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def make_conversation(owner: User, count: int) -> Conversation:
    """Creates a conversation of questions and answers. Each answer has thinking, a tool call and text."""
    conversation = Conversation.objects.create(owner=owner, title=f"{count} messages")
    started = timezone.now() - timedelta(days=1)
    messages: list[Message] = []
    for number in range(count):
        message = Message(
            conversation=conversation,
            parent=messages[-1] if messages else None,
            role=Message.Role.ASSISTANT if number % 2 else Message.Role.USER,
            text=ANSWER if number % 2 else PARAGRAPH,
            created_at=started + timedelta(seconds=number),
        )
        messages.append(message)
    Message.objects.bulk_create(messages)
    Step.objects.bulk_create([step for message in messages[1::2] for step in _steps(message)])
    conversation.leaf = messages[-1]
    conversation.save()
    return conversation


def _steps(message: Message) -> list[Step]:
    call = {"id_ref": "call_1", "name": "calculator"}
    return [
        Step(message=message, index=0, type="thinking", content=PARAGRAPH, size=len(PARAGRAPH), duration=1.2),
        Step(message=message, index=1, type="tool_call", arguments='{"expression":"6*7"}', status="finished", **call),
        Step(
            message=message, index=2, type="tool_result", content='{"success":true,"result":42}', success=True, **call
        ),
        Step(message=message, index=3, type="text", content=ANSWER, size=len(ANSWER)),
    ]


def make_conversations(owner: User, count: int) -> None:
    now = timezone.now()
    Conversation.objects.bulk_create(
        Conversation(owner=owner, title=f"Conversation {number}", updated_at=now - timedelta(hours=number))
        for number in range(count)
    )


def signed_in(user: User) -> Client:
    client = Client(SERVER_NAME="localhost", headers={"accept-encoding": "gzip"})
    client.force_login(user)
    return client


def get(client: Client, path: str) -> None:
    response = client.get(path)
    if response.status_code != 200:
        raise RuntimeError(f"{path} returned {response.status_code}")


class ProtocolClient:
    """A connection of a program, which calls one method at a time."""

    def __init__(self) -> None:
        self._response: asyncio.Future[dict[str, Any]]
        self._socket: WebSocket

    async def connect(self, port: int, token: str) -> None:
        def protocol() -> WebSocket:
            return WebSocket("/ws/", {"Authorization": f"Bearer {token}"}, self._on_frame, lambda: None)

        _, self._socket = await asyncio.get_running_loop().create_connection(protocol, "127.0.0.1", port)
        await self._socket.opened

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._response = asyncio.get_running_loop().create_future()
        self._socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())
        return await asyncio.wait_for(self._response, 30)

    async def median_ms(self, rounds: int, method: str, **params: Any) -> float:
        """Returns the median time from a request to its response, after one to warm up."""
        await self._milliseconds(method, params)
        return statistics.median([await self._milliseconds(method, params) for _ in range(rounds)])

    def close(self) -> None:
        self._socket.abort()

    async def _milliseconds(self, method: str, params: dict[str, Any]) -> float:
        started = time.perf_counter()
        response = await self.call(method, **params)
        milliseconds = (time.perf_counter() - started) * 1000
        if "result" not in response:
            raise RuntimeError(f"{method} returned {response}")
        return milliseconds

    def _on_frame(self, frame: bytes, at: int) -> None:
        message = json.loads(frame)
        if "id" in message:
            self._response.set_result(message)


def add_page(
    report: Report, what: str, client: Client, path: str, rounds: int, bars: tuple[float, int | None] | None
) -> None:
    max_ms, max_queries = bars or (None, None)
    report.add(Figure(f"{what}, the first time", "ms", _milliseconds(lambda: get(client, path))))
    cost = measure(lambda: get(client, path), rounds)
    report.add(Figure(what, "ms", cost.milliseconds, bar=max_ms))
    report.add(Figure(f"{what}, CPU", "ms", cost.cpu_milliseconds))
    report.add(Figure(what, "queries", cost.queries, bar=max_queries))


async def add_call(
    report: Report, what: str, port: int, user: User, rounds: int, bar: float | None, method: str, **params: Any
) -> None:
    _, token = await sync_to_async(ApiToken.objects.issue)(user_id=user.pk)
    protocol_client = ProtocolClient()
    await protocol_client.connect(port, token)
    report.add(Figure(what, "ms", await protocol_client.median_ms(rounds, method, **params), bar=bar))
    protocol_client.close()


def measure_conversation(report: Report, port: int, count: int, rounds: int) -> None:
    user = User.objects.create(username=f"reader of {count}")
    conversation = make_conversation(user, count)
    is_bar = count >= BAR_MESSAGES
    path = f"/c/{conversation.pk}/"
    bars = (PAGE_BAR_MS, None) if is_bar else None
    add_page(report, f"page of {count:,} messages", signed_in(user), path, rounds, bars)
    what, bar = f"conversation.get of {count:,} messages", PAGE_BAR_MS if is_bar else None
    call = add_call(report, what, port, user, rounds, bar, "conversation.get", conversation_id=str(conversation.pk))
    asyncio.run(call)


def measure_list(report: Report, port: int, count: int, rounds: int) -> None:
    user = User.objects.create(username=f"owner of {count}")
    make_conversations(user, count)
    is_bar = count >= BAR_CONVERSATIONS
    bars = (LIST_BAR_MS, LIST_BAR_QUERIES) if is_bar else None
    add_page(report, f"list, of {count:,} conversations", signed_in(user), "/conversations/", rounds, bars)
    what, bar = f"conversation.list, of {count:,} conversations", LIST_BAR_MS if is_bar else None
    asyncio.run(add_call(report, what, port, user, rounds, bar, "conversation.list"))


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--messages", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--conversations", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--rounds", type=int, default=20, help="rounds; figures are their medians")
    options = parser.parse_args()
    report = Report("pages")
    collect_static_files()
    with Programs(site.VAR_DIR, Cores.of_machine()).product(ServerKind(), site.settings, users=[]) as product:
        for count in options.messages:
            measure_conversation(report, product.port, count, options.rounds)
        for count in options.conversations:
            measure_list(report, product.port, count, options.rounds)
    report.finish(options.results)


if __name__ == "__main__":
    main()
