"""Splits the bytes of a text/event-stream into the payloads of its events."""

from __future__ import annotations

from conversations.llm.errors import MalformedError

MAX_EVENT_BYTES = 16 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SSEParser:
    """Parses server-sent events incrementally: bytes in, the payloads of the completed events out.

    Only `data` fields matter to a model's stream. Lines end at LF, CRLF or CR and nowhere else
    (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
    The nonstandard field `error` with an object becomes the event {"error": ...}.
    Takes time linear in the number of bytes, however they are cut. Raises MalformedError for a line or an event of
    more than `max_event_bytes`.
    """

    __slots__ = ("_after_cr", "_at_start", "_data", "_data_size", "_max_event_bytes", "_partial_line")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._partial_line = bytearray()
        self._data: list[bytes] = []
        self._data_size = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, data: bytes) -> list[bytes]:
        """Returns the payloads of the events that `data` completes."""
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines:
            if self._partial_line:
                lines[0] = bytes(self._partial_line) + lines[0]
                self._partial_line.clear()
            if self._at_start:
                self._at_start = False
                lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        if rest:
            self._partial_line += rest
            if len(self._partial_line) > self._max_event_bytes:
                raise self._too_large()
        return self._parse_lines(lines)

    def end(self) -> list[bytes]:
        """Returns the payload of the event that the stream ended in the middle of, if there is one."""
        return self.feed(b"\n\n")

    def _parse_lines(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        data = self._data
        for line in lines:
            if not line:
                if data:
                    events.append(data[0] if len(data) == 1 else b"\n".join(data))
                    data.clear()
                    self._data_size = 0
                continue
            if line.startswith(b"data: "):
                data.append(line[6:])
            elif line.startswith(b"data:"):
                data.append(line[5:])
            elif line == b"data":
                data.append(b"")
            elif line.startswith((b"error: {", b"error:{")):  # llama.cpp of 2025, GPUStack
                data.append(b'{"error":%b}' % line[6:])
            else:
                continue
            self._data_size += len(line)
            if self._data_size > self._max_event_bytes:
                raise self._too_large()
        return events

    def _too_large(self) -> MalformedError:
        return MalformedError(f"an event of more than {self._max_event_bytes} bytes")
