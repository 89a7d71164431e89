"""Decoding and joining deltas for comparison in tests."""

from collections.abc import Iterable

from conversations.llm.errors import LLMError
from conversations.llm.response_decoder import ResponseDecoder
from conversations.llm.types import Delta, TextDelta, ThinkingDelta, ToolCallDelta

Outcome = tuple[list[Delta], str]


def decode(*pieces: bytes) -> Outcome:
    """Returns the joined deltas of a body that arrived in these pieces, and the error code, or ""."""
    decoder = ResponseDecoder()
    deltas: list[Delta] = []
    try:
        for piece in pieces:
            decoder.feed(piece)
            deltas += decoder.chunks.take()
            if decoder.done:
                break
        else:
            decoder.end()
    except LLMError as error:
        return join_deltas([*deltas, *decoder.chunks.take()]), error.code
    return join_deltas([*deltas, *decoder.chunks.take()]), ""


def join_deltas(deltas: Iterable[Delta]) -> list[Delta]:
    result: list[Delta] = []
    for delta in deltas:
        match (result[-1] if result else None), delta:
            case TextDelta(before), TextDelta(text):
                result[-1] = TextDelta(before + text)
            case ThinkingDelta(before), ThinkingDelta(text):
                result[-1] = ThinkingDelta(before + text)
            case ToolCallDelta(index, call_id, name, before), ToolCallDelta(same, "", "", more) if same == index:
                result[-1] = ToolCallDelta(index, call_id, name, before + more)
            case _:
                result.append(delta)
    return result
