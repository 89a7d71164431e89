"""A server that goes on for ever, or nests without end, is stopped by a limit: in little memory, and in time."""

import itertools
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from conversations.llm.chunk_decoder import MAX_CHARACTERS
from conversations.llm.completion import Completion
from conversations.llm.errors import MalformedError
from conversations.llm.response_decoder import MAX_RESPONSE_BYTES, ResponseDecoder
from conversations.llm.sse import MAX_EVENT_BYTES
from conversations.llm.tool_calls import MAX_CALLS
from conversations.llm.types import TextDelta
from tests.llm.deltas import decode
from tests.modelserver import Part, body_of, chunk, text, thinking, tool_arguments, tool_call

MB = 1024 * 1024


@contextmanager
def memory_below(megabytes: float) -> Iterator[None]:
    """More than was held when it began."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * MB
    finally:
        tracemalloc.stop()


class Reader:
    """Takes pieces of a body and counts them: `taken` bytes."""

    def __init__(self) -> None:
        self.decoder = ResponseDecoder()
        self.completion = Completion()
        self.taken = 0

    def read(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.taken += len(piece)
            self.decoder.feed(piece)
            for delta in self.decoder.chunks.take():
                self.completion.add(delta)


def refused(pieces: Iterable[bytes], why: str) -> Reader:
    """What there is once the limit's error was raised."""
    reader = Reader()
    with pytest.raises(MalformedError, match=why):
        reader.read(pieces)
    return reader


@pytest.mark.parametrize("beginning", [b"data: ", b": ", b'{"choices": [', b"x", b"data: \n\nx"])
def test_a_line_of_a_gigabyte_stops_at_the_limit_of_an_event(beginning: bytes) -> None:
    piece = b" " * (MB // 2)
    gigabyte = itertools.chain([beginning], itertools.repeat(piece, 2048))
    with memory_below(3 * MAX_EVENT_BYTES / MB):
        reader = refused(gigabyte, f"more than {MAX_EVENT_BYTES} bytes")
    assert MAX_EVENT_BYTES < reader.taken <= MAX_EVENT_BYTES + len(beginning) + len(piece)


def test_an_event_of_many_lines_stops_at_the_same_limit() -> None:
    with memory_below(3 * MAX_EVENT_BYTES / MB):
        refused(itertools.repeat(b"data: " + b" " * 10_000 + b"\n"), f"more than {MAX_EVENT_BYTES} bytes")


def test_a_billion_calls_stop_at_the_limit_of_calls() -> None:
    calls = (body_of([tool_call("add", call_id=str(n), index=n)]) for n in range(10**9))
    with memory_below(8):
        reader = refused(calls, f"more than {MAX_CALLS} tool calls")
    assert len(reader.completion.tool_calls) == MAX_CALLS


def test_as_many_calls_as_the_limit_are_an_answer() -> None:
    assert decode(body_of(tool_call("add", call_id=str(n), index=n) for n in range(MAX_CALLS)))[1] == ""


def test_a_billion_fragments_of_one_call_hold_no_memory() -> None:
    first = body_of([tool_call("add", "{", call_id="a")])
    more = (body_of([chunk({"tool_calls": [{"index": 0, "id": f"id-{n}"}]})]) for n in itertools.count())
    decoder = ResponseDecoder()
    decoder.feed(first)
    with memory_below(0.2):
        for piece in itertools.islice(more, 5_000):
            decoder.feed(piece)
    assert len(decoder.chunks.take()) == 1


@pytest.mark.parametrize(
    "part",
    [text("x" * 1000), thinking("x" * 1000), tool_arguments("x" * 1000), text("<think>" + "x" * 1000)],
    ids=["text", "thinking", "arguments", "thinking in tags"],
)
def test_endless_words_stop_at_the_limit_of_characters(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.llm.chunk_decoder.MAX_CHARACTERS", 50_000)
    begun = body_of([tool_call("add", "", call_id="a")])
    pieces = itertools.chain([begun], itertools.repeat(body_of([part])))
    completion = refused(pieces, "more than 50000 characters").completion
    kept = len(completion.text) + len(completion.thinking) + sum(len(call.arguments) for call in completion.tool_calls)
    assert 48_000 < kept <= 50_000


def test_arguments_of_a_call_without_a_name_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.llm.chunk_decoder.MAX_CHARACTERS", 50_000)
    refused(itertools.repeat(body_of([tool_arguments("x" * 1000)])), "more than 50000 characters")


def test_small_pieces_of_a_long_text_take_little_more_than_the_text() -> None:
    completion = Completion()
    with memory_below(3):
        for _ in range(200_000):
            completion.add(TextDelta("word "))
        assert len(completion.text) == 1_000_000


def test_an_answer_of_nothing_but_comments_stops_at_the_limit_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.llm.response_decoder.MAX_RESPONSE_BYTES", 50_000)
    reader = refused(itertools.repeat(b": nothing\n\n"), "more than 50000 bytes")
    assert 50_000 < reader.taken < 50_020


def test_the_limits_leave_room_for_the_longest_answers() -> None:
    # 128,000 tokens, of which a server makes a chunk of up to 500 bytes each.
    assert MAX_RESPONSE_BYTES > 128_000 * 500
    assert MAX_CHARACTERS > 128_000 * 20


@pytest.mark.parametrize("depth", [200, 1_000, 1_020, 1_030, 10_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["lists", "objects"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"data: ", b"\n\n"),
        (b"", b""),
        (b'data: {"choices":[{"delta":{"content":', b"}}]}\n\n"),
        (b'data: {"choices":[{"delta":{"reasoning_details":', b"}}]}\n\n"),
        (b'data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"add","arguments":', b"}}]}}]}\n\n"),
        (b'data: {"error":', b"}\n\n"),
    ],
    ids=["an event", "a body", "content", "thinking", "arguments", "an error"],
)
def test_nesting_of_any_depth_is_an_answer_or_an_error_of_the_tree(
    before: bytes, after: bytes, opening: bytes, closing: bytes, depth: int
) -> None:
    nested = before + opening * depth + b"1" + closing * depth + after
    assert decode(nested)[1] in ("", "malformed", "unavailable")
    assert decode(nested + b"data: [DONE]\n\n")[1] in ("", "malformed", "unavailable")
