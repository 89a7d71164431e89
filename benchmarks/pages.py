"""Reading what is stored: the newest page of a conversation, and the list of conversations, over 1, 10, 100 times.

Pages are asked for in this process, without a network; methods of the protocol over a WebSocket from a server of its
own. A page that is shown for the first time has its Markdown rendered, which is kept: that is a figure of its own.
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
    """Counts what is asked of the database in this process, in whichever thread."""

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
class Reading:
    """What one reading took; CPU says more where the machine has something else to do."""

    milliseconds: float
    cpu_milliseconds: float
    queries: int


def read(action: Callable[[], object], rounds: int) -> Reading:
    """The median of so many, after one that does not count."""
    action()
    asked, cpu = queries.count, time.process_time()
    milliseconds = statistics.median([_milliseconds(action) for _ in range(rounds)])
    cpu = time.process_time() - cpu
    return Reading(milliseconds, cpu / rounds * 1000, (queries.count - asked) // rounds)


def _milliseconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return (time.perf_counter() - begun) * 1000


def make_conversation(owner: User, count: int) -> Conversation:
    """Questions and answers in turn; an answer has thought, called a tool, and written."""
    conversation = Conversation.objects.create(owner=owner, title=f"{count} messages")
    begun = timezone.now() - timedelta(days=1)
    messages: list[Message] = []
    for number in range(count):
        message = Message(
            conversation=conversation,
            parent=messages[-1] if messages else None,
            role=Message.Role.ASSISTANT if number % 2 else Message.Role.USER,
            text=ANSWER if number % 2 else PARAGRAPH,
            created_at=begun + timedelta(seconds=number),
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
        raise RuntimeError(f"{path} answered {response.status_code}")


class Caller:
    """A program's connection, which calls one method after another."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[dict[str, Any]]
        self._socket: WebSocket

    async def connect(self, port: int, token: str) -> None:
        def protocol() -> WebSocket:
            return WebSocket("/ws/", {"Authorization": f"Bearer {token}"}, self._take, lambda: None)

        _, self._socket = await asyncio.get_running_loop().create_connection(protocol, "127.0.0.1", port)
        await self._socket.opened

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._answer = asyncio.get_running_loop().create_future()
        self._socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())
        return await asyncio.wait_for(self._answer, 30)

    async def median_ms(self, rounds: int, method: str, **params: Any) -> float:
        """From the request to its answer, after one that does not count."""
        await self._checked(method, params)
        return statistics.median([await self._checked(method, params) for _ in range(rounds)])

    def close(self) -> None:
        self._socket.abort()

    async def _checked(self, method: str, params: dict[str, Any]) -> float:
        begun = time.perf_counter()
        answer = await self.call(method, **params)
        milliseconds = (time.perf_counter() - begun) * 1000
        if "result" not in answer:
            raise RuntimeError(f"{method} answered {answer}")
        return milliseconds

    def _take(self, frame: bytes, at: int) -> None:
        message = json.loads(frame)
        if "id" in message:
            self._answer.set_result(message)


def add_page(
    report: Report, what: str, client: Client, path: str, rounds: int, bars: tuple[float, int | None] | None
) -> None:
    most_ms, most_queries = bars or (None, None)
    report.add(Figure(f"{what}, the first time", "ms", _milliseconds(lambda: get(client, path))))
    reading = read(lambda: get(client, path), rounds)
    report.add(Figure(what, "ms", reading.milliseconds, bar=most_ms))
    report.add(Figure(f"{what}, CPU", "ms", reading.cpu_milliseconds))
    report.add(Figure(what, "queries", reading.queries, bar=most_queries))


async def add_call(
    report: Report, what: str, port: int, user: User, rounds: int, bar: float | None, method: str, **params: Any
) -> None:
    _, token = await sync_to_async(ApiToken.objects.issue)(user_id=user.pk)
    caller = Caller()
    await caller.connect(port, token)
    report.add(Figure(what, "ms", await caller.median_ms(rounds, method, **params), bar=bar))
    caller.close()


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
    parser.add_argument("--rounds", type=int, default=20, help="figures are medians of so many")
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
