"""Random and mutated streams through the decoder and the completion: `python -m tests.llm.fuzz --streams 1000000`.

Every stream is an answer or an error of the tree, well-formed, in bounded time, and the same however it is cut. One
that is not ends the program with its seed: `--seed SEED --streams 1` does it again.
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
from tests.llm.test_llm_wire_quirks import TABLES
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
LONGEST = 2.0
"""Seconds of the processor for one stream, which takes some tenths of a millisecond."""

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


def random_bytes(chance: random.Random) -> bytes:
    return chance.choice([b"", b"data: ", b"{", b"\n"]) + chance.randbytes(chance.randint(0, 200))


def random_words(chance: random.Random) -> bytes:
    return b"".join(chance.choices(SPLICES, k=chance.randint(0, 40)))


def random_chunks(chance: random.Random) -> bytes:
    chunks = []
    for _ in range(chance.randint(1, 8)):
        delta = {chance.choice(KEYS): value(chance) for _ in range(chance.randint(0, 4))}
        choice = {"delta": delta, **{chance.choice(KEYS): value(chance) for _ in range(chance.randint(0, 2))}}
        chunk = {"choices": [choice], **{chance.choice(KEYS): value(chance) for _ in range(chance.randint(0, 1))}}
        chunks.append(b"data: " + json.dumps(chance.choice([chunk, chunk, chunk, value(chance)])).encode() + b"\n\n")
    return b"".join(chunks) + chance.choice([b"", b"data: [DONE]\n\n"])


def value(chance: random.Random, depth: int = 3) -> object:
    kind = chance.random()
    if depth == 0 or kind < 0.6:
        return chance.choice(SCALARS)
    if kind < 0.75:
        return [value(chance, depth - 1) for _ in range(chance.randint(0, 3))]
    return {chance.choice(KEYS): value(chance, depth - 1) for _ in range(chance.randint(0, 4))}


def shuffled_events(chance: random.Random) -> bytes:
    return b"".join(event + b"\n\n" for event in chance.choices(EVENTS, k=chance.randint(1, 10)))


def mutated(chance: random.Random) -> bytes:
    body = bytearray(chance.choice(BODIES) if chance.random() < 0.5 else shuffled_events(chance))
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(body) + 1), chance.choice([0, 0, 1, 1, 2, 8, 40])
        body[at : at + length] = chance.choice(SPLICES) if chance.random() < 0.8 else chance.randbytes(length)
    return bytes(body)


MAKERS: tuple[Maker, ...] = (
    random_bytes,
    random_words,
    random_chunks,
    random_chunks,
    shuffled_events,
    mutated,
    mutated,
)


def cuts(chance: random.Random, body: bytes) -> list[bytes]:
    places = sorted(chance.randrange(len(body) + 1) for _ in range(chance.randint(1, 4)))
    return [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]


def check(seed: int) -> Outcome:
    """Makes the stream of this seed and decodes it; raises AssertionError, or whatever else went wrong."""
    chance = random.Random(seed)
    body = chance.choice(MAKERS)(chance)
    began = time.process_time()
    outcome = decode(body)
    took = time.process_time() - began
    assert took < LONGEST, f"{took:.1f} seconds"
    assert decode(*cuts(chance, body)) == outcome, "cut, it means something else"
    deltas, code = outcome
    assert code in CODES, code
    check_order(deltas, code)
    check_texts(deltas)
    check_completion(deltas)
    return outcome


def check_order(deltas: list[Delta], code: str) -> None:
    """One Finish at the end, behind it at most the Usage; none after an error. Calls are introduced once, in order."""
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
    """What every encoder and database takes."""
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
    said = sum(len(text) for delta in deltas for text in strings(delta))
    kept = [completion.text, completion.thinking]
    kept += [part for call in completion.tool_calls for part in (call.id, call.name, call.arguments)]
    assert sum(map(len, kept)) == said
    if completion.usage is not None:
        usage = completion.usage
        assert 0 <= usage.reasoning <= usage.completion
        assert 0 <= usage.cached <= usage.prompt


def run(first_seed: int, streams: int) -> Counter[str]:
    """Checks so many streams; returns how often each error came, and "" for none."""
    found: Counter[str] = Counter()
    for seed in range(first_seed, first_seed + streams):
        try:
            found[check(seed)[1]] += 1
        except LLMError as error:
            raise AssertionError(f"seed {seed}: an error that the decoder did not keep") from error
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
