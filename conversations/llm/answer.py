from __future__ import annotations

import json
from typing import Any

import orjson

from conversations.llm.chunks import ChunkReader
from conversations.llm.errors import MalformedError
from conversations.llm.sse import MAX_EVENT_BYTES, SSEParser
from conversations.llm.types import Delta

MAX_ANSWER_BYTES = 256 * 1024 * 1024

_BLANK = b" \t\r\n\xef\xbb\xbf"


class AnswerDecoder:
    """The body of an answer of status 200 to deltas; pure.

    A stream of events is read as it comes; a body that is one JSON value (an error, or an answer that was not
    streamed) once it is there. `feed` bytes, `take` deltas, `end` when the body is over. Raises an LLMError; what came
    before it can still be taken. `done`: the server sent its end mark, and nothing after it counts. `stopped`: the
    model has given its finish_reason.
    """

    __slots__ = ("_body", "_chunks", "_events", "_size", "done")

    def __init__(self) -> None:
        self._events: SSEParser | None = None
        self._body = bytearray()
        self._chunks = ChunkReader()
        self._size = 0
        self.done = False

    @property
    def stopped(self) -> bool:
        return self._chunks.finish_reason is not None

    def feed(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > MAX_ANSWER_BYTES:
            raise MalformedError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        if self._events is not None:
            self._read_events(self._events.feed(piece))
        else:
            self._feed_beginning(piece)

    def end(self) -> None:
        """The body is over."""
        if self._events is not None:
            self._read_events(self._events.end())
        elif self._body:
            self._read_value(bytes(self._body))
        if not self.done:
            self.finish()

    def finish(self) -> None:
        """Takes what there is for the whole answer."""
        self._chunks.end(said_so=self.done)

    def take(self) -> list[Delta]:
        """Returns what came since the last time, adjacent fragments of one kind as one delta."""
        return self._chunks.take()

    def _feed_beginning(self, piece: bytes) -> None:
        """Until it is known whether this is a stream: none begins with a bracket."""
        if not self._body:
            piece = piece.lstrip(_BLANK)
        if self._body or piece.startswith((b"{", b"[")):
            self._body += piece
            if len(self._body) > MAX_EVENT_BYTES:
                raise MalformedError(f"a body of more than {MAX_EVENT_BYTES} bytes")
        elif piece.startswith(b"<"):
            raise MalformedError("a page of markup in place of an answer")
        elif piece:
            self._events = SSEParser()
            self._read_events(self._events.feed(piece))

    def _read_events(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            if self.done:
                return
            if payload.startswith(b"{"):
                self._read_value(payload)
            else:
                self._read_unusual(payload.strip())

    def _read_unusual(self, payload: bytes) -> None:
        """`[DONE]`, and what is no chunk: a comment in a data line, null, nothing."""
        if payload == b"[DONE]":
            self.done = True
            self._chunks.end(said_so=True)
        elif payload.startswith((b"{", b"[")):
            self._read_value(payload)

    def _read_value(self, payload: bytes) -> None:
        value = _parse(payload)
        for chunk in value if isinstance(value, list) else [value]:
            if isinstance(chunk, dict):
                self._chunks.read(chunk)


def _parse(payload: bytes) -> Any:
    """JSON, also where it has what orjson refuses: escapes of lone surrogates, bytes that are not UTF-8, NaN."""
    try:
        return orjson.loads(payload)
    except ValueError:
        pass
    try:
        return json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise MalformedError("a chunk that is not JSON") from None
