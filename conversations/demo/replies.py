"""Decides what the demo model says or calls next. Equal requests get equal replies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from django.utils import translation
from django.utils.translation import gettext as _

from conversations.demo import SUGGESTIONS
from conversations.demo.intents import Intent, find_stages
from conversations.demo.request import ChatCompletionRequest, Function
from conversations.demo.texts import DISCLOSURE, INTRODUCTION, MARKDOWN_TOUR

Results = list[tuple[Function, Any]]
"""Calls with the contents of their tool messages: parsed JSON, or the text where it is not JSON."""

_CHINESE = re.compile(r"[^\u3040-\u30ff]*[\u4e00-\u9fff][^\u3040-\u30ff]*")  # Han characters without kana


@dataclass(frozen=True, slots=True)
class Reply:
    """Thinking ("" for none), then either text or calls that are made at once."""

    thinking: str
    text: str = ""
    calls: Sequence[Intent] = ()


def make_reply(request: ChatCompletionRequest) -> Reply:
    """Returns the next calls that the last question asks for, or the answer.

    `tool_choice` limits which tools are called. It does not cause calls that the question does not ask for.
    """
    messages = request.messages
    asked = max((index for index, message in enumerate(messages) if message.role == "user"), default=-1)
    question = (messages[asked].content or "") if asked >= 0 else ""
    calls: dict[str | None, Function] = {}
    rounds, results = 0, Results()
    for message in messages[asked + 1 :]:
        rounds += bool(message.tool_calls)
        calls |= {call.id: call.function for call in message.tool_calls}
        if message.role == "tool":
            results.append((calls[message.tool_call_id], _parse(message.content or "")))
    with translation.override("zh-hans" if _CHINESE.fullmatch(question) else "en"):
        reply = _next_reply(question, rounds, results, request.allowed_tools)
    return reply if request.enable_thinking else replace(reply, thinking="")


def _next_reply(question: str, rounds: int, results: Results, allowed_tools: set[str]) -> Reply:
    stages = find_stages(question)
    allowed = [[call for call in stage if call.tool in allowed_tools] for stage in stages]
    remaining = [stage for stage in allowed if stage][rounds:]
    failed = any(isinstance(result, dict) and result.get("success") is False for _call, result in results)
    if remaining and not failed:
        tools = ", ".join(dict.fromkeys(call.tool for call in remaining[0]))
        thinking = _("This needs tools. I call {tools} and read what comes back.").format(tools=tools)
        return Reply(thinking, calls=remaining[0])
    if results:
        answer = "\n\n".join(_describe(call, result) for call, result in results)
        return Reply(_("The tools have answered. I put their results together."), f"{answer}\n\n{DISCLOSURE}\n")
    thinking = _("I answer this without tools.")
    if stages:
        tools = ", ".join(sorted({f"`{call.tool}`" for stage in stages for call in stage}))
        text = _("For this I would call {tools}, which is not allowed now. Are tools switched off?").format(tools=tools)
        return Reply(thinking, f"{text}\n\n{DISCLOSURE}\n")
    if "markdown" in question.lower():
        return Reply(thinking, f"{MARKDOWN_TOUR}\n{DISCLOSURE}\n")
    suggestions = "\n".join(f"- {_(suggestion)}" for suggestion in SUGGESTIONS)
    return Reply(thinking, f"{INTRODUCTION.format(suggestions=suggestions)}\n")


def _describe(call: Function, result: Any) -> str:
    """Returns a tool's result in Markdown."""
    match call.name, result:
        case "calculator", {"success": True, "result": str(value)}:
            arguments = _parse(call.arguments)
            expression = arguments.get("expression") if isinstance(arguments, dict) else arguments
            return f"{_code(expression)} = **{value}**"
        case "current_time", {"success": True, "result": {"time": str(time), "weekday": day, "timezone": zone}}:
            return _("Time in {zone}:").format(zone=zone) + f" **{time[11:16]}**, {day} {time[:10]}"
        case "write_file", {"success": True, "result": {"path": path}}:
            return _("I wrote {path}.").format(path=_code(path))
        case "read_file", {"success": True, "result": {"path": path, "content": str(content)}}:
            return _("{path} contains:").format(path=_code(path)) + "\n\n" + _code_block(content)
        case "list_files", {"success": True, "result": {"entries": []}}:
            return _("There are no files here yet.")
        case "list_files", {"success": True, "result": {"entries": list(entries)}}:
            files = [(entry.get("path"), entry.get("bytes", "")) for entry in entries if isinstance(entry, dict)]
            rows = ["| {} | {} |".format(_code(path).replace("|", r"\|"), size) for path, size in files]
            return "\n".join([_("| File | Bytes |"), "| --- | ---: |", *rows])
        case tool, {"success": False, "error": error}:
            return _("{tool} failed: {error}").format(tool=_code(tool), error=_code(error))
    return _("{tool} returned:").format(tool=_code(call.name)) + "\n\n" + _code_block(str(result))


def _code(value: object) -> str:
    """Returns an inline code span."""
    return "`" + " ".join(str(value).replace("`", "'").split()) + "`"


def _code_block(text: str) -> str:
    """Returns a code block whose fence is longer than every run of backticks in the text."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text.rstrip(chr(10))}\n{fence}"


def _parse(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
