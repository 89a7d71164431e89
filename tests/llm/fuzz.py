"""Fuzzes the decoder and the completion with random and mutated streams: `python -m tests.llm.fuzz --streams 1000000`.

Every stream must be decoded or raise an LLM error in bounded time, with the same outcome however it is split. The first
failure ends the program with the seed of the stream: `--seed SEED --streams 1` repeats it.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator

from conversations.llm.completion import Completion
from conversations.llm.errors import LLMError
from conversations.llm.types import Delta, Finish, TextDelta, TextWasThinking, ThinkingDelta, ToolCallDelta, Usage
from tests.llm.deltas import Outcome, decode
from tests.llm.test_llm_decodes_real_responses import TABLES
from tests.modelserver import body_of

CODES = {
    "",
    "malformed",
    "unavailable",
    "rate_limited",
    "refused",
    "rejected_key",
    "unknown_model",
    "context_too_long",
    "timeout",
}
MAX_CPU_SECONDS = 2.0
"""Processor time allowed for one stream, which takes some tenths of a millisecond."""

BODIES = [body_of(parts) for rows in TABLES.values() for parts, _, _ in rows.values()]
EVENTS = [event for body in BODIES for event in body.split(b"\n\n") if len(event) < 2000]
SPLICES = (
    *(
        b"",
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\\",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
    ),
    *(
        b"null",
        b"true",
        b"-1",
        b"1e999",
        b"9" * 400,
        b"NaN",
        b'""',
        b"{}",
        b"[]",
        b"[[[[",
        b'{"a":',
        b"\\ud83d",
        b"\\ude42",
    ),
    *(b"data:", b"data: ", b"data: [DONE]\n\n", b"error: {", b"event: error\n", b": ", b"id: 1\n", b"\xef\xbb\xbf"),
    *(
        b"<think>",
        b"</think>",
        b"</th",
        b"`",
        b'"error":',
        b'"delta":',
        b'"index":',
        b'"id":',
        b'"name":',
        b'"arguments":',
    ),
)
KEYS = (
    *("choices", "usage", "error", "detail", "message", "object", "code", "type", "status", "x_groq", "delta", "index"),
    *("finish_reason", "content", "refusal", "reasoning", "reasoning_content", "reasoning_text", "reasoning_details"),
    *("tool_calls", "function_call", "function", "id", "name", "arguments", "text", "summary", "thinking", "role"),
    *(
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "cached_tokens",
        "reasoning_tokens",
    ),
)
SCALARS: tuple[object, ...] = (
    *(None, True, False, 0, 1, 2, -1, 7.5, 10**30, float("nan"), float("inf")),
    *("", "a", "b", "add", "Hello", "<think>", "</think>", "</", "think>", "`", "\n", " ", "{", "}", '{"x": 1}', "\0"),
    *("\ud83d", "\ude42", "漢", "stop", "length", "tool_calls", "error", "abort", "null", "content_filter: x", "500"),
)

Maker = Callable[[random.Random], bytes]


def random_bytes(rng: random.Random) -> bytes:
    return rng.choice([b"", b"data: ", b"{", b"\n"]) + rng.randbytes(rng.randint(0, 200))


def random_text(rng: random.Random) -> bytes:
    return b"".join(rng.choices(SPLICES, k=rng.randint(0, 40)))


def random_chunks(rng: random.Random) -> bytes:
    chunks = []
    for _ in range(rng.randint(1, 8)):
        delta = {rng.choice(KEYS): value(rng) for _ in range(rng.randint(0, 4))}
        choice = {"delta": delta, **{rng.choice(KEYS): value(rng) for _ in range(rng.randint(0, 2))}}
        chunk = {"choices": [choice], **{rng.choice(KEYS): value(rng) for _ in range(rng.randint(0, 1))}}
        chunks.append(b"data: " + json.dumps(rng.choice([chunk, chunk, chunk, value(rng)])).encode() + b"\n\n")
    return b"".join(chunks) + rng.choice([b"", b"data: [DONE]\n\n"])


def value(rng: random.Random, depth: int = 3) -> object:
    kind = rng.random()
    if depth == 0 or kind < 0.6:
        return rng.choice(SCALARS)
    if kind < 0.75:
        return [value(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return {rng.choice(KEYS): value(rng, depth - 1) for _ in range(rng.randint(0, 4))}


def shuffled_events(rng: random.Random) -> bytes:
    return b"".join(event + b"\n\n" for event in rng.choices(EVENTS, k=rng.randint(1, 10)))


def mutated(rng: random.Random) -> bytes:
    body = bytearray(rng.choice(BODIES) if rng.random() < 0.5 else shuffled_events(rng))
    for _ in range(rng.randint(1, 6)):
        at, length = rng.randrange(len(body) + 1), rng.choice([0, 0, 1, 1, 2, 8, 40])
        body[at : at + length] = rng.choice(SPLICES) if rng.random() < 0.8 else rng.randbytes(length)
    return bytes(body)


GENERATORS: tuple[Maker, ...] = (
    random_bytes,
    random_text,
    random_chunks,
    random_chunks,
    shuffled_events,
    mutated,
    mutated,
)


def cuts(rng: random.Random, body: bytes) -> list[bytes]:
    places = sorted(rng.randrange(len(body) + 1) for _ in range(rng.randint(1, 4)))
    return [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]


def check(seed: int) -> Outcome:
    """Generates the stream of this seed, decodes it, and checks the outcome; raises AssertionError when it is wrong."""
    rng = random.Random(seed)
    body = rng.choice(GENERATORS)(rng)
    began = time.process_time()
    outcome = decode(body)
    took = time.process_time() - began
    assert took < MAX_CPU_SECONDS, f"{took:.1f} seconds"
    assert decode(*cuts(rng, body)) == outcome, "decoded differently when split"
    deltas, code = outcome
    assert code in CODES, code
    check_order(deltas, code)
    check_texts(deltas)
    check_completion(deltas)
    return outcome


def check_order(deltas: list[Delta], code: str) -> None:
    """Checks that one Finish ends the deltas, followed by at most one Usage, and that calls start once, in order."""
    ends = [delta for delta in deltas if isinstance(delta, Finish | Usage)]
    assert [type(end) for end in ends] in ([[]] if code else [[Finish], [Finish, Usage]])
    assert deltas[len(deltas) - len(ends) :] == ends
    if TextWasThinking() in deltas:
        before = deltas[: deltas.index(TextWasThinking())]
        assert before
        assert all(isinstance(delta, TextDelta) for delta in before)
        assert deltas.count(TextWasThinking()) == 1
    introduced: list[int] = []
    for call in deltas:
        if isinstance(call, ToolCallDelta):
            begins = call.index not in introduced
            introduced += [call.index] if begins else []
            assert (bool(call.id), bool(call.name)) == (begins, begins)
    assert code or sorted(introduced) == list(range(len(introduced)))


def check_texts(deltas: list[Delta]) -> None:
    """Checks that every string can be encoded as UTF-8 and stored in any database."""
    for delta in deltas:
        for text in strings(delta):
            assert "\0" not in text
            text.encode()
        assert not isinstance(delta, TextDelta | ThinkingDelta) or delta.text


def strings(delta: Delta) -> Iterator[str]:
    match delta:
        case TextDelta(text) | ThinkingDelta(text):
            yield text
        case ToolCallDelta():
            yield from (delta.id, delta.name, delta.arguments)


def check_completion(deltas: list[Delta]) -> None:
    completion = Completion()
    for delta in deltas:
        completion.add(delta)
    received = sum(len(text) for delta in deltas for text in strings(delta))
    stored = [completion.text, completion.thinking]
    stored += [part for call in completion.tool_calls for part in (call.id, call.name, call.arguments)]
    assert sum(map(len, stored)) == received
    if completion.usage is not None:
        usage = completion.usage
        assert 0 <= usage.reasoning <= usage.completion
        assert 0 <= usage.cached <= usage.prompt


def run(first_seed: int, streams: int) -> Counter[str]:
    """Checks `streams` streams and returns how often each error code occurred ("" for no error)."""
    found: Counter[str] = Counter()
    for seed in range(first_seed, first_seed + streams):
        try:
            found[check(seed)[1]] += 1
        except LLMError as error:
            raise AssertionError(f"seed {seed}: an error outside the decoder") from error
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first stream; the next has the next")
    options = parser.parse_args()
    began = time.perf_counter()
    found = run(options.seed, options.streams)
    took = time.perf_counter() - began
    print(f"{options.streams} streams in {took:.1f} s: {options.streams / took:.0f} a second")  # noqa: T201
    for code, count in found.most_common():
        print(f"{count:>9} {code or 'answers'}")  # noqa: T201
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")  # noqa: T201


if __name__ == "__main__":
    main()
