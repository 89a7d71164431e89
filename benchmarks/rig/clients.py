"""Runs N clients of the protocol in their own process: `python -m benchmarks.rig.clients`.

Reads a Job as a line of JSON, prints `ready` when all clients are connected, waits for an empty line, has each client
ask its questions, prints `over`, and then Figures as a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.rig.stamps import UNITS_PER_MS, StampReader, elapsed, now
from benchmarks.rig.websocket import WebSocket

STEP_DELTA = b'{"jsonrpc":"2.0","method":"step_delta"'
MAX_HANDSHAKES = 50
"""Handshakes at the same time."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the clients do. `users` are API tokens; clients share them if there are more clients than tokens.

    Each client asks `questions` questions one after the other, and all clients start within `ramp` seconds. An answer
    is complete with `tokens` tokens, and abandoned after `timeout` seconds.
    """

    port: int
    users: Sequence[str]
    clients: int
    model: str
    tokens: int
    questions: int = 1
    ramp: float = 0.0
    timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class Percentiles:
    """In milliseconds; None without measurements."""

    p50: float | None
    p90: float | None
    p99: float | None

    @classmethod
    def of(cls, units: list[int]) -> Percentiles:
        units.sort()
        return cls(*(_percentile(units, share) for share in (0.5, 0.9, 0.99)))


def _percentile(ordered: list[int], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / UNITS_PER_MS if ordered else None


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures over all answers.

    `delay_ms`: from the model to the client, of each token. `first_token_ms`: from the question to the first token.
    `request_ms`: from the question to the model.
    """

    asked: int
    complete: int
    errors: int
    first_error: str | None
    tokens: int
    delay_ms: Percentiles
    first_token_ms: Percentiles
    request_ms: Percentiles
    bytes_per_answer: int
    frames_per_answer: int


@dataclass(slots=True)
class Answer:
    """The answer to one question. Times and delays are in the units of rig/stamps.py."""

    asked_at: int = field(default_factory=now)
    first_stamp: int | None = None
    first_at: int = 0
    delays: list[int] = field(default_factory=list)
    frames: int = 0
    size: int = 0
    error: str | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _stamps: StampReader = field(default_factory=StampReader)

    def feed(self, frame: bytes, at: int) -> None:
        self.frames += 1
        self.size += len(frame)
        if not frame.startswith(STEP_DELTA):
            self._feed_other(frame, at)
        else:
            self._feed_tokens(frame, at)

    def fail(self, error: str) -> None:
        self.error = error
        self.ended.set()

    def _feed_other(self, frame: bytes, at: int) -> None:
        message = json.loads(frame)
        match message.get("method"):
            case "process_step" | "step_delta":
                self._feed_tokens(frame, at)
            case "done":
                self.ended.set()
            case "error":
                self.fail(str(message["params"]))
            case None if "error" in message:
                self.fail(str(message["error"]))

    def _feed_tokens(self, frame: bytes, at: int) -> None:
        for stamp in self._stamps.read(frame):
            if self.first_stamp is None:
                self.first_stamp, self.first_at = stamp, at
            self.delays.append(elapsed(stamp, at))


class Client:
    """A connection, and the answer it is waiting for."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.answer: Answer | None = None

    async def ask(self, model: str, time_limit: float) -> Answer:
        params = {"text": "What is the time?", "model": model}
        request = {"jsonrpc": "2.0", "id": 1, "method": "message.send", "params": params}
        answer = self.answer = Answer()
        self.socket.send(json.dumps(request).encode())
        try:
            await asyncio.wait_for(answer.ended.wait(), time_limit)
        except TimeoutError:
            answer.fail("not complete in time")
        self.answer = None
        return answer

    def on_frame(self, frame: bytes, at: int) -> None:
        if self.answer is not None:
            self.answer.feed(frame, at)

    def on_close(self) -> None:
        if self.answer is not None:
            self.answer.fail("the connection was closed")


async def connect(port: int, user: str) -> Client:
    client: Client

    def protocol() -> WebSocket:
        headers = {"Authorization": f"Bearer {user}"}
        return WebSocket("/ws/", headers, lambda frame, at: client.on_frame(frame, at), lambda: client.on_close())

    _, socket = await asyncio.get_running_loop().create_connection(protocol, "127.0.0.1", port)
    client = Client(socket)
    await asyncio.wait_for(socket.opened, 60)
    return client


async def connect_all(job: Job) -> list[Client]:
    handshakes = asyncio.Semaphore(MAX_HANDSHAKES)

    async def connect_client(number: int) -> Client:
        async with handshakes:
            return await connect(job.port, job.users[number % len(job.users)])

    return await asyncio.gather(*map(connect_client, range(job.clients)))


async def ask_all(job: Job, clients: Sequence[Client]) -> list[Answer]:
    async def ask_questions(number: int, client: Client) -> list[Answer]:
        await asyncio.sleep(job.ramp * number / len(clients))
        return [await client.ask(job.model, job.timeout) for _ in range(job.questions)]

    answers = await asyncio.gather(*(ask_questions(number, client) for number, client in enumerate(clients)))
    return [answer for client_answers in answers for answer in client_answers]


def summarize(job: Job, answers: Sequence[Answer]) -> Figures:
    started = [(answer, answer.first_stamp) for answer in answers if answer.first_stamp is not None]
    errors = [answer.error for answer in answers if answer.error is not None]
    count = max(1, len(answers))
    return Figures(
        asked=len(answers),
        complete=sum(len(answer.delays) == job.tokens and answer.error is None for answer in answers),
        errors=len(errors),
        first_error=errors[0] if errors else None,
        tokens=sum(len(answer.delays) for answer in answers),
        delay_ms=Percentiles.of([delay for answer in answers for delay in answer.delays]),
        first_token_ms=Percentiles.of([elapsed(answer.asked_at, answer.first_at) for answer, _ in started]),
        request_ms=Percentiles.of([elapsed(answer.asked_at, stamp) for answer, stamp in started]),
        bytes_per_answer=sum(answer.size for answer in answers) // count,
        frames_per_answer=sum(answer.frames for answer in answers) // count,
    )


async def main() -> None:
    job = Job(**json.loads(await _read_line()))
    clients = await connect_all(job)
    print("ready", flush=True)
    await _read_line()
    answers = await ask_all(job, clients)
    print("over", flush=True)
    print(json.dumps(asdict(summarize(job, answers))), flush=True)
    for client in clients:
        client.socket.abort()


async def _read_line() -> str:
    return await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main())
