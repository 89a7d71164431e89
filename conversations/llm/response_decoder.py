"""Decodes the body of a successful response into deltas."""

from __future__ import annotations

import json
from typing import Any

import orjson

from conversations.llm.chunk_decoder import ChunkDecoder
from conversations.llm.errors import MalformedError
from conversations.llm.sse import MAX_EVENT_BYTES, SSEParser

MAX_RESPONSE_BYTES = 256 * 1024 * 1024

_WHITESPACE = b" \t\r\n\xef\xbb\xbf"


class ResponseDecoder:
    """Turns the body of a response with status 200 into deltas; does no I/O.

    An event stream is decoded as it arrives. A body that is one JSON value (an error, or a response that was not
    streamed) is decoded when it is complete. Call `feed` with bytes, `chunks.take` for the deltas, and `end` at the end
    of the body. `feed` and `end` raise an LLMError; the deltas before it can still be taken.

    `done` is True once the server sent `[DONE]`; everything after it is ignored.
    """

    __slots__ = ("_body", "_events", "_size", "chunks", "done")

    def __init__(self) -> None:
        self.chunks = ChunkDecoder()
        self.done = False
        self._events: SSEParser | None = None
        self._body = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_RESPONSE_BYTES:
            raise MalformedError(f"a response of more than {MAX_RESPONSE_BYTES} bytes")
        if self._events is not None:
            self._decode_events(self._events.feed(data))
        else:
            self._detect_format(data)

    def end(self) -> None:
        """Decodes what is left at the end of the body, and ends the deltas."""
        if self._events is not None:
            self._decode_events(self._events.end())
        elif self._body:
            self._decode_json(bytes(self._body))
        if not self.done:
            self.finish()

    def finish(self) -> None:
        """Ends the deltas with a Finish, ignoring an event that is incomplete."""
        self.chunks.end(has_end_mark=self.done)

    def _detect_format(self, data: bytes) -> None:
        """Buffers a JSON body, which starts with a bracket, or decodes the start of an event stream."""
        if not self._body:
            data = data.lstrip(_WHITESPACE)
        if self._body or data.startswith((b"{", b"[")):
            self._body += data
            if len(self._body) > MAX_EVENT_BYTES:
                raise MalformedError(f"a body of more than {MAX_EVENT_BYTES} bytes")
        elif data.startswith(b"<"):
            raise MalformedError("an HTML or XML page instead of an answer")
        elif data:
            self._events = SSEParser()
            self._decode_events(self._events.feed(data))

    def _decode_events(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            if self.done:
                return
            if payload.startswith(b"{"):
                self._decode_json(payload)
                continue
            payload = payload.strip()
            if payload == b"[DONE]":
                self.done = True
                self.chunks.end(has_end_mark=True)
            elif payload.startswith((b"{", b"[")):  # Anything else is a comment, null, or empty.
                self._decode_json(payload)

    def _decode_json(self, payload: bytes) -> None:
        try:
            value: Any = orjson.loads(payload)
        except ValueError:
            value = _parse_leniently(payload)
        for chunk in value if isinstance(value, list) else (value,):
            if isinstance(chunk, dict):
                self.chunks.decode(chunk)


def _parse_leniently(payload: bytes) -> Any:
    """Parses JSON that orjson refuses: escapes of lone surrogates, bytes that are not UTF-8, NaN."""
    try:
        return json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise MalformedError("a chunk that is not JSON") from None
