"""Responses as real servers send them: a name, the body, and the expected deltas and error, however it is split."""

import json
from collections.abc import Iterator

import pytest

from conversations.llm.types import Delta, Finish, TextDelta, TextWasThinking, ThinkingDelta, ToolCallDelta, Usage
from tests.error_notes import error_note
from tests.llm.deltas import Outcome, decode
from tests.modelserver import Part, body_of, chunk, done, event, finish, raw, text, thinking, tool_arguments, usage

STOP = Finish("stop")
CALLS = Finish("tool_calls")
ADD = ToolCallDelta(0, "a", "add", '{"x": 1}')
CLOCK = ToolCallDelta(1, "b", "clock", "{}")

Case = tuple[list[Part], list[Delta], str]


def calls(*fragments: object) -> Part:
    """Returns one chunk with these tool call fragments."""
    return chunk({"tool_calls": list(fragments)})


def fragment(index: object = None, call_id: object = None, name: object = None, arguments: object = None) -> object:
    """Returns a tool call fragment, with null for every value that is not given."""
    return {"index": index, "id": call_id, "type": None, "function": {"name": name, "arguments": arguments}}


def ending(*deltas: Delta, reason: Finish = STOP) -> list[Delta]:
    return [*deltas, reason]


HELLO = ending(TextDelta("Hello"))
THOUGHT = ending(ThinkingDelta("Hm"), TextDelta("Hello"))
THOUGHT_AFTER_ALL = ending(TextDelta("Hm"), TextWasThinking(), TextDelta("Hello"))

TEXT: dict[str, Case] = {
    "as OpenAI sends it": (
        [chunk({"role": "assistant", "content": ""}), text("Hel"), text("lo"), finish(), usage(3, 2), done()],
        [*HELLO, Usage(3, 2)],
        "",
    ),
    "content null beside a role": ([chunk({"role": "assistant", "content": None}), text("Hello"), finish()], HELLO, ""),
    "content as parts": (
        [chunk({"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}), finish()],
        HELLO,
        "",
    ),
    "content as a list of strings": ([chunk({"content": ["Hel", "lo"]}), finish()], HELLO, ""),
    "parts that are no text": (
        [
            chunk({"content": [{"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "Hello"}]}),
            chunk({"content": []}),
            finish(),
        ],
        HELLO,
        "",
    ),
    "the text once more beside the delta": (
        [chunk(choices=[{"index": 0, "delta": {"content": "Hello"}, "text": "Hello"}]), finish()],
        HELLO,
        "",
    ),
    "thinking as a part": (
        [
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]}),
            chunk({"content": [{"type": "text", "text": "Hello"}]}),
            finish(),
        ],
        THOUGHT,
        "",
    ),
    "a refusal in its own field": ([chunk({"content": None, "refusal": "Hello"}), finish()], HELLO, ""),
    "several chunks in one event's lines": (
        [raw(b'data: {"choices":\ndata: [{"delta": {"content": "Hello"}}]}\n\n'), finish()],
        HELLO,
        "",
    ),
    "line separators inside a string": ([text("a\u2028b\u0085c"), finish()], ending(TextDelta("a\u2028b\u0085c")), ""),
    "letters of several bytes": ([text("é漢🙂"), finish()], ending(TextDelta("é漢🙂")), ""),
    "a pair of surrogates in two chunks": (
        [
            raw(b'data: {"choices": [{"delta": {"content": "a\\ud83d"}}]}\n\n'),
            raw(b'data: {"choices": [{"delta": {"content": "\\ude42b"}}]}\n\n'),
            finish(),
        ],
        ending(TextDelta("a🙂b")),
        "",
    ),
    "lone surrogates and NUL": (
        [raw(b'data: {"choices": [{"delta": {"content": "\\ude42a\\u0000b\\ud83d"}}]}\n\n'), finish()],
        ending(TextDelta("\ufffda\ufffdb\ufffd")),
        "",
    ),
    "bytes that are not UTF-8": (
        [raw(b'data: {"choices": [{"delta": {"content": "a\xffb"}}]}\n\n'), finish()],
        ending(TextDelta("a\ufffdb")),
        "",
    ),
    "only the first of several choices": (
        [
            chunk(choices=[{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "Hello"}}]),
            chunk(choices=[{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]),
            finish(),
        ],
        HELLO,
        "",
    ),
}

THINKING: dict[str, Case] = {
    "reasoning_content": ([thinking("Hm"), text("Hello"), finish()], THOUGHT, ""),
    "reasoning": ([thinking("Hm", key="reasoning"), text("Hello"), finish()], THOUGHT, ""),
    "reasoning_text": ([thinking("Hm", key="reasoning_text"), text("Hello"), finish()], THOUGHT, ""),
    "reasoning_details": (
        [chunk({"reasoning_details": [{"type": "reasoning.text", "text": "Hm"}]}), text("Hello"), finish()],
        THOUGHT,
        "",
    ),
    "the same in two fields": (
        [
            chunk({"content": "", "reasoning": "Hm", "reasoning_details": [{"type": "reasoning.text", "text": "Hm"}]}),
            text("Hello"),
            finish(),
        ],
        THOUGHT,
        "",
    ),
    "the same in all fields": (
        [
            chunk(
                {
                    "reasoning_content": "Hm",
                    "reasoning": "Hm",
                    "reasoning_text": "Hm",
                    "reasoning_details": [{"type": "reasoning.text", "text": "Hm"}],
                }
            ),
            text("Hello"),
            finish(),
        ],
        THOUGHT,
        "",
    ),
    "in a field behind others that are empty": (
        [
            chunk({"content": None, "reasoning_content": "", "reasoning": {}, "reasoning_text": "Hm"}),
            chunk({"content": "Hello", "reasoning_content": None, "reasoning_details": []}),
            finish(),
        ],
        THOUGHT,
        "",
    ),
    "a summary of it": (
        [chunk({"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm"}]}), text("Hello"), finish()],
        THOUGHT,
        "",
    ),
    "encrypted, or only signed": (
        [
            chunk({"reasoning": None, "reasoning_details": [{"type": "reasoning.encrypted", "data": "c2VjcmV0"}]}),
            chunk({"content": "", "reasoning_details": [{"type": "reasoning.text", "signature": "c2lnbmVk"}]}),
            text("Hello"),
            finish(),
        ],
        HELLO,
        "",
    ),
    "late, after text": (
        [text("Hel"), thinking("Hm"), text("lo"), finish()],
        ending(TextDelta("Hel"), ThinkingDelta("Hm"), TextDelta("lo")),
        "",
    ),
    "in tags": ([text("<think>Hm</think>\n\nHello"), finish()], THOUGHT, ""),
    "in tags over many chunks": (
        [text("<th"), text("ink>H"), text("m</thi"), text("nk> "), text("\nHel"), text("lo"), finish()],
        THOUGHT,
        "",
    ),
    "in tags after white space": ([text("\n<think>Hm</think>Hello"), finish()], THOUGHT, ""),
    "nothing in tags": (
        [text("<think>\n\n</think>\n\n"), text("Hello"), finish()],
        [ThinkingDelta("\n\n"), *HELLO],
        "",
    ),
    "in tags, then calls, then white space": (
        [text("<think>Hm</think>\n"), calls(fragment(0, "a", "add", '{"x": 1}')), text("\n"), finish("tool_calls")],
        [ThinkingDelta("Hm"), ADD, CALLS],
        "",
    ),
    "in tags that calls come between": (
        [text("<think>H"), calls(fragment(0, "a", "add", '{"x": 1}')), text("m</think>Hello"), finish()],
        [ThinkingDelta("H"), ADD, ThinkingDelta("m"), TextDelta("Hello"), CALLS],
        "",
    ),
    "in tags never closed": ([text("<think>Hm</th"), finish()], ending(ThinkingDelta("Hm</th")), ""),
    "less-than signs in tags": (
        [text("<think>a < b <"), text("/b>"), text("</think>c"), finish()],
        ending(ThinkingDelta("a < b </b>"), TextDelta("c")),
        "",
    ),
    "tags that the answer writes about": (
        [text("The <think> tag"), text(" and </think>"), finish()],
        ending(TextDelta("The <think> tag and </think>")),
        "",
    ),
    "tags in the text after thinking in a field": (
        [thinking("Hm"), text("<think>x</think>"), finish()],
        ending(ThinkingDelta("Hm"), TextDelta("<think>x</think>")),
        "",
    ),
    "before a closing tag alone": ([text("Hm"), text("</think>\n\nHello"), finish()], THOUGHT_AFTER_ALL, ""),
    "before a closing tag alone, over many chunks": (
        [text("H"), text("m<"), text("/thi"), text("nk"), text("> "), text("\n"), text("Hel"), text("lo"), finish()],
        THOUGHT_AFTER_ALL,
        "",
    ),
    "before a closing tag alone, not streamed": (
        [raw(b'{"choices": [{"message": {"content": "Hm</think>Hello"}, "finish_reason": "stop"}]}')],
        THOUGHT_AFTER_ALL,
        "",
    ),
    "before a closing tag alone, with calls after it": (
        [text("Hm"), text("</think>\n\n"), calls(fragment(0, "a", "add", '{"x": 1}')), finish("tool_calls")],
        [TextDelta("Hm"), TextWasThinking(), ADD, CALLS],
        "",
    ),
    "less-than signs before a closing tag alone": (
        [text("a < b </"), text("b> <"), text("thing"), text("</think>Hello"), finish()],
        ending(TextDelta("a < b </b> <thing"), TextWasThinking(), TextDelta("Hello")),
        "",
    ),
    "a closing tag before all text": ([text("\n</thi"), text("nk>\n\nHello"), finish()], HELLO, ""),
    "a closing tag at the end": ([text("Hm</think>"), finish()], ending(TextDelta("Hm"), TextWasThinking()), ""),
    "a second closing tag": (
        [text("Hm</think>Hel</think>lo"), finish()],
        ending(TextDelta("Hm"), TextWasThinking(), TextDelta("Hel</think>lo")),
        "",
    ),
    "closing tags in quotation marks and backquotes": (
        [text("Split "), text("at `"), text("</think>`, "), text('"</think>"'), text(" or '</think>'"), finish()],
        ending(TextDelta("Split at `</think>`, \"</think>\" or '</think>'")),
        "",
    ),
    "before a closing tag alone, quoting it": (
        [text("It ends with `</think>`."), text("\n</think>\nHello"), finish()],
        ending(TextDelta("It ends with `</think>`.\n"), TextWasThinking(), TextDelta("Hello")),
        "",
    ),
    "a closing tag in the text after thinking in a field": (
        [thinking("Hm"), text("Hel"), text("</think>lo"), finish()],
        ending(ThinkingDelta("Hm"), TextDelta("Hel</think>lo")),
        "",
    ),
    "a closing tag in the text after thinking as a part": (
        [chunk({"content": [{"type": "thinking", "thinking": "Hm"}, {"text": "Hel"}]}), text("</think>lo"), finish()],
        ending(ThinkingDelta("Hm"), TextDelta("Hel</think>lo")),
        "",
    ),
    "a closing tag in the text after a call": (
        [text("Hel<"), calls(fragment(0, "a", "add", '{"x": 1}')), text("lo</think>"), finish("tool_calls")],
        [TextDelta("Hel<"), ADD, TextDelta("lo</think>"), CALLS],
        "",
    ),
    "what only begins like a tag": ([text("<thin"), finish()], ending(TextDelta("<thin")), ""),
}

TOOLS: dict[str, Case] = {
    "one call in fragments": (
        [calls(fragment(0, "a", "add", "")), tool_arguments('{"x"'), tool_arguments(": 1}"), finish("tool_calls")],
        ending(ADD, reason=CALLS),
        "",
    ),
    "two calls, interleaved": (
        [
            calls(fragment(0, "a", "add", '{"x"'), fragment(1, "b", "clock", "{")),
            calls(fragment(0, arguments=": 1}"), fragment(1, arguments="}")),
            finish("tool_calls"),
        ],
        [
            ToolCallDelta(0, "a", "add", '{"x"'),
            ToolCallDelta(1, "b", "clock", "{"),
            ToolCallDelta(0, arguments=": 1}"),
            ToolCallDelta(1, arguments="}"),
            CALLS,
        ],
        "",
    ),
    "no index, whole calls": (
        [
            calls(fragment(None, "a", "add", '{"x": 1}')),
            calls(fragment(None, "b", "clock", "{}")),
            finish("tool_calls"),
        ],
        ending(ADD, CLOCK, reason=CALLS),
        "",
    ),
    "no index, fragments continue the latest": (
        [
            calls(fragment(None, "a", "add", '{"x"')),
            calls(fragment(arguments=": 1}")),
            calls(fragment(None, "b", "clock")),
            calls({"function": {"arguments": "{}"}}),
            finish("tool_calls"),
        ],
        ending(ADD, CLOCK, reason=CALLS),
        "",
    ),
    "no index and no id, told apart by name": (
        [calls(fragment(name="add", arguments='{"x": 1}')), calls(fragment(name="clock", arguments="{}")), finish()],
        [ToolCallDelta(0, "call_0", "add", '{"x": 1}'), ToolCallDelta(1, "call_1", "clock", "{}"), CALLS],
        "",
    ),
    "no id, one tool called twice": (
        [calls(fragment(name="add", arguments='{"x": 1}'), fragment(name="add", arguments='{"x": 2}')), finish()],
        [ToolCallDelta(0, "call_0", "add", '{"x": 1}'), ToolCallDelta(1, "call_1", "add", '{"x": 2}'), CALLS],
        "",
    ),
    "index 0 for all, with different ids": (
        [calls(fragment(0, "a", "add", '{"x": 1}')), calls(fragment(0, "b", "clock", "{}")), finish("tool_calls")],
        ending(ADD, CLOCK, reason=CALLS),
        "",
    ),
    "index 0 for all, ids repeated, interleaved": (
        [
            calls(fragment(0, "a", "add", '{"x"'), fragment(0, "b", "clock", "{")),
            calls(fragment(0, "a", None, ": 1}"), fragment(0, "b", None, "}")),
            finish("tool_calls"),
        ],
        [
            ToolCallDelta(0, "a", "add", '{"x"'),
            ToolCallDelta(1, "b", "clock", "{"),
            ToolCallDelta(0, arguments=": 1}"),
            ToolCallDelta(1, arguments="}"),
            CALLS,
        ],
        "",
    ),
    "index 0 for all, no ids, different names": (
        [calls(fragment(0, "", "add", '{"x": 1}')), calls(fragment(0, "", "clock", "{}")), finish("tool_calls")],
        [ToolCallDelta(0, "call_0", "add", '{"x": 1}'), ToolCallDelta(1, "call_1", "clock", "{}"), CALLS],
        "",
    ),
    "a new id on every chunk of one call": (
        [calls(fragment(0, "a", "add", '{"x"')), calls(fragment(0, "z", None, ": 1}")), finish("tool_calls")],
        ending(ADD, reason=CALLS),
        "",
    ),
    "id and name repeated on every chunk": (
        [calls(fragment(0, "a", "add", '{"x"')), calls(fragment(0, "a", "add", ": 1}")), finish("tool_calls")],
        ending(ADD, reason=CALLS),
        "",
    ),
    "name repeated without id or index": (
        [
            calls(fragment(None, "a", "add", '{"x"')),
            calls(fragment(name="add", arguments=": 1}")),
            finish("tool_calls"),
        ],
        ending(ADD, reason=CALLS),
        "",
    ),
    "one id for two indexes": (
        [calls(fragment(0, "a", "add", '{"x": 1}'), fragment(1, "a", "clock", "{}")), finish("tool_calls")],
        [ADD, ToolCallDelta(1, "a", "clock", "{}"), CALLS],
        "",
    ),
    "index 1 before index 0": (
        [calls(fragment(1, "a", "add", '{"x": 1}')), calls(fragment(0, "b", "clock", "{}")), finish("tool_calls")],
        ending(ADD, CLOCK, reason=CALLS),
        "",
    ),
    "index as a string, id as a number": (
        [calls(fragment("0", 7, "add", '{"x"')), calls(fragment("0", None, None, ": 1}")), finish("tool_calls")],
        [ToolCallDelta(0, "7", "add", '{"x": 1}'), CALLS],
        "",
    ),
    "the id after the call has begun": (
        [calls(fragment(0, "", "add", '{"x"')), calls(fragment(0, "a", None, ": 1}")), finish("tool_calls")],
        [ToolCallDelta(0, "call_0", "add", '{"x": 1}'), CALLS],
        "",
    ),
    "the name after the first arguments": (
        [calls(fragment(0, "a", None, '{"x"')), calls(fragment(0, None, "add", ": 1}")), finish("tool_calls")],
        ending(ADD, reason=CALLS),
        "",
    ),
    "arguments as an object": (
        [calls(fragment(0, "a", "add", {"x": 1})), finish("tool_calls")],
        ending(ADD, reason=CALLS),
        "",
    ),
    "arguments null, empty or absent": (
        [
            calls(fragment(0, "a", "clock"), fragment(1, "b", "clock", "")),
            calls({"index": 2, "id": "c", "function": {"name": "clock"}}),
            finish("tool_calls"),
        ],
        [*(ToolCallDelta(number, call_id, "clock") for number, call_id in enumerate("abc")), CALLS],
        "",
    ),
    "tool_calls null or empty on every chunk": (
        [chunk({"content": "Hel", "tool_calls": None}), chunk({"content": "lo", "tool_calls": []}), finish()],
        HELLO,
        "",
    ),
    "an empty object as arguments": (
        [calls(fragment(0, "a", "clock", {})), finish("tool_calls")],
        [ToolCallDelta(0, "a", "clock", "{}"), CALLS],
        "",
    ),
    "id empty, name empty or null, type repeated on later fragments": (
        [
            calls({"index": 0, "id": "a", "type": "function", "function": {"name": "add", "arguments": ""}}),
            calls({"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": '{"x"'}}),
            calls({"index": 0, "id": "", "type": "function", "function": {"name": None, "arguments": ": 1}"}}),
            calls({"index": 0, "id": "", "type": "function", "function": {"arguments": ""}}),
            calls({"index": 0, "id": "", "type": "function", "function": {"arguments": None}}),
            finish("tool_calls"),
        ],
        ending(ADD, reason=CALLS),
        "",
    ),
    "index 0 for all, ids only at the beginnings": (
        [
            calls(fragment(0, "a", "add", '{"x"')),
            calls(fragment(0, arguments=": 1}")),
            calls(fragment(0, "b", "clock", "{")),
            calls(fragment(0, arguments="}")),
            finish("tool_calls"),
        ],
        ending(ADD, CLOCK, reason=CALLS),
        "",
    ),
    "indexes from 1, with gaps": (
        [calls(fragment(1, "a", "add", '{"x": 1}')), calls(fragment(7, "b", "clock", "{}")), finish("tool_calls")],
        ending(ADD, CLOCK, reason=CALLS),
        "",
    ),
    "text and a call in one chunk": (
        [chunk({"content": "Hello", "tool_calls": [fragment(0, "a", "add", '{"x": 1}')]}), finish("tool_calls")],
        [TextDelta("Hello"), ADD, CALLS],
        "",
    ),
    "a call in the finishing chunk": (
        [chunk({"tool_calls": [fragment(0, "a", "add", '{"x": 1}')]}, finish_reason="tool_calls")],
        ending(ADD, reason=CALLS),
        "",
    ),
    "a pair of surrogates in two fragments": (
        [
            calls(fragment(0, "a", "add")),
            raw(
                rb'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\ud83d"}}]}}]}' b"\n\n"
            ),
            raw(
                rb'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\ude42"}}]}}]}' b"\n\n"
            ),
            finish("tool_calls"),
        ],
        [ToolCallDelta(0, "a", "add", "🙂"), CALLS],
        "",
    ),
    "the older function_call": (
        [
            chunk({"function_call": {"name": "add", "arguments": '{"x"'}}),
            chunk({"function_call": {"arguments": ": 1}"}}),
            finish("function_call"),
        ],
        [ToolCallDelta(0, "call_0", "add", '{"x": 1}'), CALLS],
        "",
    ),
    "a call that never gets a name": ([calls(fragment(0, "a", None, "{}")), finish("tool_calls")], [], "malformed"),
    "an empty function_call beside text": (
        [
            raw(
                b'{"choices": [{"message": {"content": "Hello", "tool_calls": null,'
                b' "function_call": {"name": "", "arguments": ""}}, "finish_reason": ""}]}'
            )
        ],
        HELLO,
        "",
    ),
    "fragments that say nothing": (
        [calls({}, {"index": 3}, fragment(2), {"function": None}, fragment(0, "", "", "")), text("Hello"), finish()],
        HELLO,
        "",
    ),
    "fragments that are no objects": ([calls(None, "x", 3), text("Hello"), finish()], HELLO, ""),
}

ENDS: dict[str, Case] = {
    "no end mark": ([text("Hello"), finish()], HELLO, ""),
    "no finish_reason": ([text("Hello"), done()], HELLO, ""),
    "neither": ([text("Hello")], HELLO, ""),
    "neither, after whole arguments": ([calls(fragment(0, "a", "add", '{"x": 1}'))], ending(ADD, reason=CALLS), ""),
    "neither, within arguments": (
        [calls(fragment(0, "a", "add", '{"x": '))],
        [ToolCallDelta(0, "a", "add", '{"x": ')],
        "malformed",
    ),
    "neither, within thinking": ([thinking("Hm")], [ThinkingDelta("Hm")], "malformed"),
    "neither, within thinking in tags": ([text("<think>Hm")], [ThinkingDelta("Hm")], "malformed"),
    "neither, after text that was thinking": (
        [text("Hm</think>")],
        [TextDelta("Hm"), TextWasThinking()],
        "malformed",
    ),
    "neither, after text, within arguments": (
        [text("Hello"), calls(fragment(0, "a", "add", "{"))],
        [TextDelta("Hello"), ToolCallDelta(0, "a", "add", "{")],
        "malformed",
    ),
    "neither, within a chunk": ([text("Hello"), raw(b'data: {"choices": [')], [TextDelta("Hello")], "malformed"),
    "nothing at all": ([], [], "malformed"),
    "only a role": ([chunk({"role": "assistant"})], [], "malformed"),
    "an empty answer": ([finish(), done()], [STOP], ""),
    "the last empty line is missing": ([text("Hello"), finish(), raw(b"data: [DONE]")], HELLO, ""),
    "what follows the end mark": ([text("Hello"), finish(), done(), text("!"), raw(b"data: {\n\n")], HELLO, ""),
    "stop although tools were called": (
        [calls(fragment(0, "a", "add", '{"x": 1}')), finish("stop")],
        ending(ADD, reason=CALLS),
        "",
    ),
    "tool_calls although none was": ([text("Hello"), finish("tool_calls")], HELLO, ""),
    "length": ([text("Hello"), finish("length")], [TextDelta("Hello"), Finish("length")], ""),
    "length within a call": (
        [calls(fragment(0, "a", "add", "{")), finish("length")],
        [ToolCallDelta(0, "a", "add", "{"), Finish("length")],
        "",
    ),
    "content_filter": ([finish("content_filter")], [Finish("content_filter")], ""),
    "MAX_TOKENS": ([text("Hello"), finish("MAX_TOKENS")], [TextDelta("Hello"), Finish("length")], ""),
    "a reason of its own": ([text("Hello"), finish("eos")], HELLO, ""),
    "an empty reason on every chunk": (
        [chunk({"content": "Hel"}, finish_reason=""), chunk({"content": "lo"}, finish_reason=""), finish()],
        HELLO,
        "",
    ),
    "a reason repeated": (
        [text("Hello"), finish("length"), finish("length")],
        [TextDelta("Hello"), Finish("length")],
        "",
    ),
    "a reason on every chunk": (
        [chunk({"content": "Hel"}, finish_reason="stop"), chunk({"content": "lo"}, finish_reason="stop"), done()],
        HELLO,
        "",
    ),
    "the word null as reason": (
        [chunk({"content": "Hel"}, finish_reason="null"), text("lo"), finish("length")],
        [TextDelta("Hello"), Finish("length")],
        "",
    ),
    "the word null as reason, and no other": (
        [chunk({"reasoning_content": "Hm"}, finish_reason="null")],
        [ThinkingDelta("Hm")],
        "malformed",
    ),
    "no reason in any choice": (
        [chunk(choices=[{"delta": {"content": "Hel"}}]), chunk(choices=[{"delta": {"content": "lo"}}]), done()],
        HELLO,
        "",
    ),
    "the reason beside the last text": ([text("Hel"), chunk({"content": "lo"}, finish_reason="stop")], HELLO, ""),
    "the context is full": (
        [text("Hello"), finish("model_context_window_exceeded")],
        [TextDelta("Hello"), Finish("length")],
        "",
    ),
    "SAFETY": ([text("Hello"), finish("SAFETY")], [TextDelta("Hello"), Finish("content_filter")], ""),
    "a reason with an explanation": (
        [text("Hello"), finish("content_filter: PROHIBITED_CONTENT")],
        [TextDelta("Hello"), Finish("content_filter")],
        "",
    ),
    "the reason is a call that the server could not read": (
        [thinking("Hm"), finish("function_call_filter: MALFORMED_FUNCTION_CALL")],
        [ThinkingDelta("Hm")],
        "malformed",
    ),
    "the server gave up": ([text("Hello"), finish("abort"), done()], [TextDelta("Hello")], "unavailable"),
    "the server lost the model": (
        [text("Hello"), finish("network_error"), done()],
        [TextDelta("Hello")],
        "unavailable",
    ),
    "text after the reason": ([text("Hel"), finish(), text("lo"), done()], HELLO, ""),
    "the reason is an error": ([text("Hello"), finish("error")], [TextDelta("Hello")], "unavailable"),
}

USAGE: dict[str, Case] = {
    "in the finishing chunk": (
        [text("Hello"), chunk(finish_reason="stop", usage={"prompt_tokens": 3, "completion_tokens": 2})],
        [*HELLO, Usage(3, 2)],
        "",
    ),
    "beside an empty delta": (
        [text("Hello"), finish(), chunk({}, usage={"prompt_tokens": 3, "completion_tokens": 2}), done()],
        [*HELLO, Usage(3, 2)],
        "",
    ),
    "cumulative in every chunk": (
        [
            chunk({"content": "Hel"}, usage={"prompt_tokens": 3, "completion_tokens": 1}),
            chunk({"content": "lo"}, usage={"prompt_tokens": 3, "completion_tokens": 2}),
            finish(),
        ],
        [*HELLO, Usage(3, 2)],
        "",
    ),
    "null in every chunk but the last": (
        [chunk({"content": "Hello"}, usage=None), finish(), usage(3, 2), done()],
        [*HELLO, Usage(3, 2)],
        "",
    ),
    "inside the choice": (
        [
            text("Hello"),
            chunk(
                choices=[{"delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}]
            ),
        ],
        [*HELLO, Usage(3, 2)],
        "",
    ),
    "in Groq's extension": (
        [
            chunk({"content": "Hello"}, x_groq={"id": "req_1"}),
            chunk(finish_reason="stop", x_groq={"usage": {"prompt_tokens": 3, "completion_tokens": 2}}),
        ],
        [*HELLO, Usage(3, 2)],
        "",
    ),
    "with reasoning and cached tokens": (
        [text("Hello"), finish(), usage(30, 20, reasoning=8, cached=16), done()],
        [*HELLO, Usage(30, 20, reasoning=8, cached=16)],
        "",
    ),
    "cached tokens as DeepSeek counts them": (
        [
            text("Hello"),
            finish(),
            chunk(choices=[], usage={"prompt_tokens": 30, "completion_tokens": 2, "prompt_cache_hit_tokens": 16}),
        ],
        [*HELLO, Usage(30, 2, cached=16)],
        "",
    ),
    "cached tokens as Mistral counts them, without details": (
        [
            text("Hello"),
            chunk(
                finish_reason="stop",
                usage={
                    "prompt_tokens": 30,
                    "completion_tokens": 2,
                    "prompt_tokens_details": None,
                    "completion_tokens_details": None,
                    "num_cached_tokens": 16,
                },
            ),
        ],
        [*HELLO, Usage(30, 2, cached=16)],
        "",
    ),
    "in Groq's extension and in its own place": (
        [
            text("Hello"),
            chunk(
                finish_reason="stop",
                usage={"prompt_tokens": 3, "completion_tokens": 2},
                x_groq={"id": "req_1", "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
            ),
        ],
        [*HELLO, Usage(3, 2)],
        "",
    ),
    "reasoning beside the completion, as xAI counts it": (
        [
            text("Hello"),
            finish(),
            chunk(
                choices=[],
                usage={
                    "prompt_tokens": 30,
                    "completion_tokens": 2,
                    "total_tokens": 132,
                    "completion_tokens_details": {"reasoning_tokens": 100},
                },
            ),
        ],
        [*HELLO, Usage(30, 102, reasoning=100)],
        "",
    ),
    "figures that are none": (
        [text("Hello"), finish(), chunk(choices=[], usage={"prompt_tokens": -1, "completion_tokens": "many"})],
        HELLO,
        "",
    ),
}

ODD_CHUNKS: dict[str, Case] = {
    "a chunk without choices": ([event({"id": "x"}), text("Hello"), finish()], HELLO, ""),
    "choices empty or null": ([chunk(choices=[]), chunk(choices=None), text("Hello"), finish()], HELLO, ""),
    "Azure's results of filters": (
        [
            chunk(choices=[], prompt_filter_results=[{"prompt_index": 0, "content_filter_results": {}}]),
            chunk({"content": "Hello"}, usage=None),
            chunk(choices=[{"index": 0, "finish_reason": None, "content_filter_offsets": {"check_offset": 5}}]),
            finish(),
        ],
        HELLO,
        "",
    ),
    "other fields of events": (
        [raw(b"event: message\nid: 7\nretry: 10\nfoo: bar\n"), text("Hello"), raw(b"id\n\n"), finish()],
        HELLO,
        "",
    ),
    "delta null": ([chunk(choices=[{"index": 0, "delta": None}]), text("Hello"), finish()], HELLO, ""),
    "data null, empty, a number, a word": (
        [raw(b"data: null\n\ndata:\n\ndata: 7\n\ndata: ping\n\n"), text("Hello"), finish()],
        HELLO,
        "",
    ),
    "comments, also in data lines": (
        [raw(b": OPENROUTER PROCESSING\n\ndata: : keep-alive\n\n"), text("Hello"), finish()],
        HELLO,
        "",
    ),
    "white space before the chunk": (
        [raw(b'data: \t {"choices": [{"delta": {"content": "Hello"}}]}\n\n'), finish()],
        HELLO,
        "",
    ),
    "empty lines and a byte order mark first": ([raw(b"\xef\xbb\xbf\n\n\r\n"), text("Hello"), finish()], HELLO, ""),
    "a list of chunks": (
        [raw(b'data: [{"choices": [{"delta": {"content": "Hello"}}]}]\n\n'), finish()],
        HELLO,
        "",
    ),
    "an object that is not JSON": ([text("Hello"), raw(b"data: {oops}\n\n")], [TextDelta("Hello")], "malformed"),
    "nesting without end": (
        [text("Hello"), raw(b"data: " + b"[" * 100_000 + b"\n\n")],
        [TextDelta("Hello")],
        "malformed",
    ),
    "fields of the wrong type": (
        [
            chunk(choices="x"),
            chunk(choices=[None, 7]),
            chunk(choices=[{"delta": "x"}]),
            chunk({"content": 7, "tool_calls": "x", "reasoning": {"a": 1}, "function_call": 3}, usage="x"),
            chunk(choices=[{"finish_reason": 5}]),
            text("Hello"),
            finish(),
        ],
        HELLO,
        "",
    ),
}

ERRORS: dict[str, Case] = {
    "an error object": (
        [text("Hello"), event({"error": {"message": "The server is overloaded", "type": "server_error"}})],
        [TextDelta("Hello")],
        "unavailable",
    ),
    "an error as a string": ([event({"error": "boom"})], [], "unavailable"),
    "an error beside choices": (
        [chunk({"content": ""}, finish_reason="error", error={"code": 502, "message": "Provider disconnected"})],
        [],
        "unavailable",
    ),
    "an error within the choice": (
        [chunk(choices=[{"delta": {}, "error": {"code": 429, "message": "slow down"}}])],
        [],
        "rate_limited",
    ),
    "an error as a string beside choices": ([chunk({"content": "x"}, error="boom")], [], "unavailable"),
    "an error as an event of that name": (
        [
            text("Hello"),
            raw(b'event: error\ndata: {"error": {"message": "The model has crashed", "type": "server_error"}}\n\n'),
        ],
        [TextDelta("Hello")],
        "unavailable",
    ),
    "an error as a field of that name": (
        [
            text("Hello"),
            raw(b'error: {"code": 400, "message": "the request exceeds the available context size"}\n\n'),
            done(),
        ],
        [TextDelta("Hello")],
        "context_too_long",
    ),
    "an error as a field of that name, cut off": (
        [text("Hello"), raw(b'error: {"detail": "failed to decode')],
        [TextDelta("Hello")],
        "malformed",
    ),
    "an error about the model's own call": (
        [event({"error": {"message": "Tool call validation failed", "code": "tool_use_failed", "status_code": 400}})],
        [],
        "malformed",
    ),
    "an error about tools": ([event({"error": {"message": "m does not support tools", "code": 400}})], [], "refused"),
    "no error at all": ([chunk({"content": "Hello"}, error=None), finish()], HELLO, ""),
    "an error in vLLM's older form": (
        [event({"object": "error", "message": "maximum context length is 10", "code": 400})],
        [],
        "context_too_long",
    ),
    "an error in a list": ([raw(b'data: [{"error": {"code": 404, "message": "x"}}]\n\n')], [], "unknown_model"),
    "a JSON error in place of a stream": ([raw(b'{"error": {"message": "Rate limit reached"}}')], [], "rate_limited"),
    "a FastAPI error in place of a stream": ([raw(b'{"detail": "Invalid API key"}')], [], "rejected_key"),
    "an HTML page": ([raw(b"\n<!DOCTYPE html><html></html>")], [], "malformed"),
    "words in place of a stream": ([raw(b"method=POST path=/v1/chat")], [], "malformed"),
    "an empty list": ([raw(b"[]")], [], "malformed"),
    "JSON that is no answer": ([raw(b'{"status": "ok"}')], [], "malformed"),
    "half a JSON body": ([raw(b'{"choices": [')], [], "malformed"),
}

NOT_STREAMED: dict[str, Case] = {
    "text": (
        [
            raw(
                json.dumps(
                    {
                        "choices": [
                            {
                                "message": {"role": "assistant", "content": "Hello", "reasoning_content": "Hm"},
                                "finish_reason": "stop",
                            }
                        ],
                        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
                    },
                    indent=1,
                ).encode()
            )
        ],
        [*THOUGHT, Usage(3, 2)],
        "",
    ),
    "calls": (
        [
            raw(
                json.dumps(
                    {
                        "choices": [
                            {
                                "message": {
                                    "content": None,
                                    "tool_calls": [
                                        {"id": "a", "function": {"name": "add", "arguments": '{"x": 1}'}},
                                        {"id": "b", "function": {"name": "clock", "arguments": "{}"}},
                                    ],
                                },
                                "finish_reason": "tool_calls",
                            }
                        ]
                    }
                ).encode()
            )
        ],
        ending(ADD, CLOCK, reason=CALLS),
        "",
    ),
}

TABLES = {
    "text": TEXT,
    "thinking": THINKING,
    "tools": TOOLS,
    "end": ENDS,
    "usage": USAGE,
    "chunk": ODD_CHUNKS,
    "error": ERRORS,
    "not streamed": NOT_STREAMED,
}
in_each_table = pytest.mark.parametrize("table", TABLES)


def cases(table: str) -> Iterator[tuple[str, bytes, Outcome]]:
    for name, (parts, deltas, error) in TABLES[table].items():
        yield name, body_of(parts), (deltas, error)


def split_every(body: bytes, length: int) -> list[bytes]:
    return [body[start : start + length] for start in range(0, len(body), length)]


@in_each_table
def test_a_body_is_decoded_the_same_however_it_is_split(table: str) -> None:
    for name, body, outcome in cases(table):
        with error_note(name):
            assert decode(body) == outcome
            step = max(1, len(body) // 2000)
            for cut in range(0, len(body), step):
                assert decode(body[:cut], body[cut:]) == outcome, f"cut at byte {cut}"
            if step == 1:
                assert decode(*split_every(body, 1)) == outcome


@in_each_table
def test_crlf_line_endings_are_decoded_the_same(table: str) -> None:
    for name, plain, outcome in cases(table):
        with error_note(name):
            body = plain.replace(b"\n", b"\r\n")
            assert decode(body) == outcome
            assert decode(*split_every(body, 7)) == outcome


@in_each_table
def test_a_missing_space_after_the_colon_is_decoded_the_same(table: str) -> None:
    for name, body, outcome in cases(table):
        with error_note(name):
            assert decode(body.replace(b"data: ", b"data:")) == outcome
