"""What the demonstration says and does next, given what was said and done. Pure: equal prompts, equal replies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from conversations.demo import answers, texts
from conversations.demo.answers import Round
from conversations.demo.wishes import Wish, find_stages
from conversations.llm.types import ChatMessage, FunctionCall, FunctionDefinition


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a request asks. `functions` are the tools on offer by name; `must_call` and `forced_function` are the
    choices that leave no way but to call a tool, or that one."""

    messages: Sequence[ChatMessage]
    functions: Mapping[str, FunctionDefinition] = field(default_factory=dict)
    may_call: bool = True
    must_call: bool = False
    forced_function: str | None = None
    thinks: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """Thinking ("" for none), then either text or calls to make at once."""

    thinking: str = ""
    text: str = ""
    calls: tuple[Wish, ...] = ()


@dataclass(frozen=True, slots=True)
class _Situation:
    """The question under way, those before it, and the rounds of calls that it has had."""

    question: str
    earlier: list[str]
    rounds: list[Round]


def plan_reply(prompt: Prompt) -> Reply:
    """Calls while the question has some left to make, then the answer."""
    situation = _read(prompt.messages)
    phrases = texts.phrases_for(situation.question)
    stages = find_stages(situation.question, situation.earlier)
    calls = _next_calls(prompt, situation, stages)
    if calls:
        return Reply(thinking=phrases.think_of_calls(calls) if prompt.thinks else "", calls=calls)
    text = _answer(prompt, situation, [wish for stage in stages for wish in stage], phrases)
    thinking = phrases.results_are_here if situation.rounds else phrases.no_tool_needed
    return Reply(thinking=thinking if prompt.thinks else "", text=text)


def _read(messages: Sequence[ChatMessage]) -> _Situation:
    asked = [place for place, message in enumerate(messages) if message.role == "user"]
    if not asked:
        return _Situation("", [], [])
    rounds: list[dict[str, tuple[FunctionCall, str]]] = []
    for message in messages[asked[-1] + 1 :]:
        if message.tool_calls:
            rounds.append({call.id: (call, "") for call in message.tool_calls})
        elif message.tool_call_id is not None and rounds and message.tool_call_id in rounds[-1]:
            call, _ = rounds[-1][message.tool_call_id]
            rounds[-1][call.id] = (call, message.content)
    questions = [messages[place].content for place in asked]
    return _Situation(questions[-1], questions[:-1], [list(past.values()) for past in rounds])


def _next_calls(prompt: Prompt, situation: _Situation, stages: list[list[Wish]]) -> tuple[Wish, ...]:
    if not prompt.may_call or not prompt.functions:
        return ()
    wished = [wish for stage in stages for wish in stage]
    if prompt.forced_function is not None:
        forced = tuple(wish for wish in wished if wish.tool == prompt.forced_function)
        return forced or (_sample_call(prompt.functions[prompt.forced_function]),)
    calls = _named_call(prompt, situation) or _next_stage(prompt, situation, stages)
    if prompt.must_call and not calls:
        return (_sample_call(next(iter(prompt.functions.values()))),)
    return calls


def _next_stage(prompt: Prompt, situation: _Situation, stages: list[list[Wish]]) -> tuple[Wish, ...]:
    """The first stage not yet called, unless one before it failed."""
    offered = [
        stage for stage in ([wish for wish in stage if wish.tool in prompt.functions] for stage in stages) if stage
    ]
    done = len(situation.rounds)
    if done >= len(offered) or any(answers.failed(result) for past in situation.rounds for _, result in past):
        return ()
    return tuple(offered[done])


_NAMED_CALL = re.compile(
    r"\b(?:call|use|run)\s+(?:the\s+)?(?:tool\s+)?`?(?P<name>[A-Za-z0-9_-]{1,64})`?(?P<rest>[^\n]*)"
)


def _named_call(prompt: Prompt, situation: _Situation) -> tuple[Wish, ...]:
    """`call NAME {arguments}` calls any tool on offer, once."""
    found = _NAMED_CALL.search(situation.question)
    if situation.rounds or not found or found["name"] not in prompt.functions:
        return ()
    start, end = found["rest"].find("{"), found["rest"].rfind("}")
    if start < 0:
        return ()
    try:
        arguments = orjson.loads(found["rest"][start : end + 1])
    except orjson.JSONDecodeError:
        return ()
    return (Wish(found["name"], arguments),)


_SAMPLES: Mapping[str, Any] = {"string": "demo", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}


def _sample_call(function: FunctionDefinition) -> Wish:
    """A call that nothing in the question speaks of: something of the right type for each required argument."""
    properties = function.parameters.get("properties")
    required = function.parameters.get("required")
    if not isinstance(properties, Mapping) or not isinstance(required, list):
        return Wish(function.name)
    return Wish(function.name, {name: _sample(properties.get(name)) for name in required if isinstance(name, str)})


def _sample(schema: object) -> object:
    if not isinstance(schema, Mapping):
        return "demo"
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    kind = schema.get("type")
    return _SAMPLES.get(kind, "demo") if isinstance(kind, str) else "demo"


def _answer(prompt: Prompt, situation: _Situation, wished: list[Wish], phrases: texts.Phrases) -> str:
    if situation.rounds:
        return answers.from_results([pair for past in situation.rounds for pair in past], phrases)
    if wished:
        missing = sorted({wish.tool for wish in wished})
        return f"{phrases.tools_are_off(missing)}\n\n{phrases.disclosure}\n"
    return texts.answer_without_tools(situation.question, situation.earlier, phrases)
