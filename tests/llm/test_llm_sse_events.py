"""The SSE parser returns the payloads of events, however the bytes are split."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.llm.errors import MalformedError
from conversations.llm.sse import SSEParser


def feed_all(parser: SSEParser, pieces: Iterable[bytes]) -> list[bytes]:
    return [payload for piece in pieces for payload in parser.feed(piece)]


def events(*pieces: bytes) -> list[bytes]:
    parser = SSEParser()
    return feed_all(parser, pieces) + parser.end()


@pytest.mark.parametrize(
    ("stream", "payloads"),
    [
        (b"data: one\n\ndata: two\n\n", [b"one", b"two"]),
        (b"data: one\r\n\r\ndata: two\r\n\r\n", [b"one", b"two"]),
        (b"data: one\r\rdata: two\r\r", [b"one", b"two"]),
        (b"data:one\n\n", [b"one"]),
        (b"data:  one\n\n", [b" one"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\n", [b""]),
        (b": keep-alive\n\ndata: one\n\n:\n\n", [b"one"]),
        (b"event: message\nid: 7\nretry: 10\ndata: one\n\n", [b"one"]),
        (b"database: no\ndata one\n\n", []),
        (b"\xef\xbb\xbfdata: one\n\n", [b"one"]),
        (b"data: one\n\n\xef\xbb\xbfdata: two\n\n", [b"one"]),
        ("data: a\u2028b\u0085c\x0bd\n\n".encode(), ["a\u2028b\u0085c\x0bd".encode()]),
        (b"\n\n\ndata: one\n\n\n\n", [b"one"]),
        (b"data: one", [b"one"]),
        (b"data: one\n", [b"one"]),
        (b"", []),
    ],
)
def test_a_stream_yields_the_same_payloads_however_it_is_split(stream: bytes, payloads: list[bytes]) -> None:
    assert events(stream) == payloads
    assert events(*[stream[i : i + 1] for i in range(len(stream))]) == payloads
    for cut in range(len(stream) + 1):
        assert events(stream[:cut], stream[cut:]) == payloads


@given(
    st.lists(st.sampled_from([b"data: ", b"data:", b":", b"\r", b"\n", b"\r\n", b"x", b"\xef\xbb\xbf", b"id: 1"])),
    st.data(),
)
def test_any_bytes_yield_the_same_payloads_whole_and_in_pieces(parts: list[bytes], draw: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(stream)))))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert events(*pieces) == events(stream)


@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=9), min_size=1)),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_written_events_are_read_back(written: list[list[str]], end: str) -> None:
    stream = "".join("".join(f"data: {line}{end}" for line in lines) + end for lines in written)
    assert events(stream.encode()) == ["\n".join(lines).encode() for lines in written]


def test_an_event_is_returned_as_soon_as_its_empty_line_arrives() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: one\r\n") == []
    assert parser.feed(b"\r") == [b"one"]
    assert parser.feed(b"\n") == []


@pytest.mark.parametrize("endless", [b"x", b"data: x\n", b"data:\n"])
def test_an_endless_line_or_event_is_refused(endless: bytes) -> None:
    with pytest.raises(MalformedError, match="1000 bytes"):
        feed_all(SSEParser(max_event_bytes=1000), [endless] * 1001)


def test_many_events_within_the_size_limit_are_accepted() -> None:
    parser = SSEParser(max_event_bytes=100)
    assert sum(len(parser.feed(b"data: 0123456789\n\n: note\n")) for _ in range(1000)) == 1000


def test_a_long_line_in_small_pieces_takes_linear_time() -> None:
    # If each piece were copied with all before it, these 8 MB would become about 60 GB.
    parser = SSEParser()
    for _ in range(16_000):
        parser.feed(b"x" * 500)
    assert parser.feed(b"\n\n") == []
