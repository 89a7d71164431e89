"""Limits stop endless and deeply nested responses, within bounded memory and time."""

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
def assert_memory_growth_below(megabytes: float) -> Iterator[None]:
    """Asserts that the block allocates less than this beyond what was allocated at its start."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * MB
    finally:
        tracemalloc.stop()


class CountingReader:
    """Decodes the pieces of a body and counts the bytes it has read."""

    def __init__(self) -> None:
        self.decoder = ResponseDecoder()
        self.completion = Completion()
        self.bytes_read = 0

    def read(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.bytes_read += len(piece)
            self.decoder.feed(piece)
            for delta in self.decoder.chunks.take():
                self.completion.add(delta)


def read_until_refused(pieces: Iterable[bytes], why: str) -> CountingReader:
    """Reads until the limit's error is raised and returns the reader."""
    reader = CountingReader()
    with pytest.raises(MalformedError, match=why):
        reader.read(pieces)
    return reader


@pytest.mark.parametrize("beginning", [b"data: ", b": ", b'{"choices": [', b"x", b"data: \n\nx"])
def test_a_line_of_a_gigabyte_is_refused_at_the_event_size_limit(beginning: bytes) -> None:
    piece = b" " * (MB // 2)
    gigabyte = itertools.chain([beginning], itertools.repeat(piece, 2048))
    with assert_memory_growth_below(3 * MAX_EVENT_BYTES / MB):
        reader = read_until_refused(gigabyte, f"more than {MAX_EVENT_BYTES} bytes")
    assert MAX_EVENT_BYTES < reader.bytes_read <= MAX_EVENT_BYTES + len(beginning) + len(piece)


def test_an_event_of_many_lines_is_refused_at_the_event_size_limit() -> None:
    with assert_memory_growth_below(3 * MAX_EVENT_BYTES / MB):
        read_until_refused(itertools.repeat(b"data: " + b" " * 10_000 + b"\n"), f"more than {MAX_EVENT_BYTES} bytes")


def test_a_billion_tool_calls_are_refused_at_the_tool_call_limit() -> None:
    calls = (body_of([tool_call("add", call_id=str(n), index=n)]) for n in range(10**9))
    with assert_memory_growth_below(8):
        reader = read_until_refused(calls, f"more than {MAX_CALLS} tool calls")
    assert len(reader.completion.tool_calls) == MAX_CALLS


def test_the_maximum_number_of_tool_calls_is_accepted() -> None:
    assert decode(body_of(tool_call("add", call_id=str(n), index=n) for n in range(MAX_CALLS)))[1] == ""


def test_a_billion_fragments_of_one_tool_call_use_no_memory() -> None:
    first = body_of([tool_call("add", "{", call_id="a")])
    more = (body_of([chunk({"tool_calls": [{"index": 0, "id": f"id-{n}"}]})]) for n in itertools.count())
    decoder = ResponseDecoder()
    decoder.feed(first)
    with assert_memory_growth_below(0.2):
        for piece in itertools.islice(more, 5_000):
            decoder.feed(piece)
    assert len(decoder.chunks.take()) == 1


@pytest.mark.parametrize(
    "part",
    [text("x" * 1000), thinking("x" * 1000), tool_arguments("x" * 1000), text("<think>" + "x" * 1000)],
    ids=["text", "thinking", "arguments", "thinking in tags"],
)
def test_endless_text_is_refused_at_the_character_limit(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.llm.chunk_decoder.MAX_CHARACTERS", 50_000)
    start = body_of([tool_call("add", "", call_id="a")])
    pieces = itertools.chain([start], itertools.repeat(body_of([part])))
    completion = read_until_refused(pieces, "more than 50000 characters").completion
    kept = len(completion.text) + len(completion.thinking) + sum(len(call.arguments) for call in completion.tool_calls)
    assert 48_000 < kept <= 50_000


def test_arguments_of_a_tool_call_without_a_name_count_toward_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.llm.chunk_decoder.MAX_CHARACTERS", 50_000)
    read_until_refused(itertools.repeat(body_of([tool_arguments("x" * 1000)])), "more than 50000 characters")


def test_a_long_text_in_small_pieces_takes_little_more_memory_than_the_text() -> None:
    completion = Completion()
    with assert_memory_growth_below(3):
        for _ in range(200_000):
            completion.add(TextDelta("word "))
        assert len(completion.text) == 1_000_000


def test_a_response_of_only_comments_is_refused_at_the_byte_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.llm.response_decoder.MAX_RESPONSE_BYTES", 50_000)
    reader = read_until_refused(itertools.repeat(b": nothing\n\n"), "more than 50000 bytes")
    assert 50_000 < reader.bytes_read < 50_020


def test_the_limits_allow_the_longest_answers() -> None:
    # 128,000 tokens, each sent in a chunk of up to 500 bytes.
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
def test_nesting_of_any_depth_is_decoded_or_raises_an_llm_error(
    before: bytes, after: bytes, opening: bytes, closing: bytes, depth: int
) -> None:
    nested = before + opening * depth + b"1" + closing * depth + after
    assert decode(nested)[1] in ("", "malformed", "unavailable")
    assert decode(nested + b"data: [DONE]\n\n")[1] in ("", "malformed", "unavailable")
