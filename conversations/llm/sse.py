from __future__ import annotations

from conversations.llm.errors import MalformedError

MAX_EVENT_BYTES = 16 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SSEParser:
    """Bytes of a text/event-stream in, the payloads of its events out; only `data` fields matter to a model's stream.

    Lines end at LF, CRLF or CR and nowhere else (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
    A field `error` with an object, which the standard does not have, is the event {"error": ...}.
    Work is linear in the bytes however they are cut. Raises MalformedError for a line or an event over `limit` bytes.
    """

    __slots__ = ("_after_cr", "_at_start", "_data", "_data_size", "_limit", "_partial")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._partial = bytearray()
        self._data: list[bytes] = []
        self._data_size = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, piece: bytes) -> list[bytes]:
        """Returns the payloads of the events that `piece` completes."""
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, newline, rest = piece.partition(b"\n")
        if not newline:
            self._hold(first)
            return []
        lines = rest.split(b"\n")
        last = lines.pop()
        lines.insert(0, self._whole_line(first))
        events = self._read_lines(lines)
        if last:
            self._hold(last)
        return events

    def end(self) -> list[bytes]:
        """Returns the payload of an event that the end of the stream left without its empty line, if any."""
        lines = [self._whole_line(b""), b""]
        return self._read_lines(lines)

    def _hold(self, part: bytes) -> None:
        self._partial += part
        self._check(len(self._partial))

    def _whole_line(self, end: bytes) -> bytes:
        if self._partial:
            self._partial += end
            end = bytes(self._partial)
            self._partial = bytearray()
        if self._at_start:
            self._at_start = False
            end = end.removeprefix(_BYTE_ORDER_MARK)
        return end

    def _read_lines(self, lines: list[bytes]) -> list[bytes]:
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
            self._check(self._data_size)
        return events

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise MalformedError(f"an event of more than {self._limit} bytes")
