"""What every frame from the server must be, written from docs/protocol.md alone and sharing nothing with the server.

    contract = Contract()
    contract.sent('{"jsonrpc":"2.0","id":1,"method":"models.list"}')
    frame = contract.received(text)        # raises Violation

`Shape`s say what a value may be, to the letter: a field that is missing, or that nobody named, is a violation. A
Contract follows one connection: answers come in the order of the requests, news of a run only where it was subscribed
to, and a run's notifications in an order that makes sense, none after its end.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Shape = Callable[[Any, str], None]
MAX_FRAME_BYTES = 1_000_000
ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*(\\u(?!00[01]|d[89a-f])|\\ud[89ab]..\\ud[c-f])")
"""What could stand as it is: all but control characters and a surrogate that has no partner."""


class Violation(AssertionError):
    """The server broke the contract."""


def expect(holds: bool, where: str, what: str) -> None:
    if not holds:
        raise Violation(f"{where}: {what}")


# Shapes of values


def text(value: Any, where: str) -> None:
    expect(isinstance(value, str), where, f"text, not {value!r:.100}")
    expect("\0" not in value, where, "no NUL")
    expect(not re.search("[\ud800-\udfff]", value), where, "no lone surrogate")


def identity(value: Any, where: str) -> None:
    text(value, where)
    expect(value != "", where, "an id that is not empty")


def moment(value: Any, where: str) -> None:
    text(value, where)
    pattern = r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d\.\d{3}(Z|\+00:00)"
    expect(re.fullmatch(pattern, value) is not None, where, f"ISO 8601 in UTC with milliseconds, not {value!r}")


def boolean(value: Any, where: str) -> None:
    expect(isinstance(value, bool), where, f"true or false, not {value!r:.100}")


def count(value: Any, where: str) -> None:
    expect(isinstance(value, int) and not isinstance(value, bool) and value >= 0, where, f"a count, not {value!r:.100}")


def number(value: Any, where: str) -> None:
    expect(isinstance(value, int | float) and not isinstance(value, bool), where, f"a number, not {value!r:.100}")


def seconds(value: Any, where: str) -> None:
    number(value, where)
    expect(value >= 0, where, f"a duration, not {value!r}")


def json_text(value: Any, where: str) -> None:
    text(value, where)
    try:
        json.loads(value)
    except ValueError as error:
        raise Violation(f"{where}: JSON text, not {value[:100]!r}") from error


def anything(value: Any, where: str) -> None:
    """Whatever JSON can say."""


def nullable(shape: Shape) -> Shape:
    def check(value: Any, where: str) -> None:
        if value is not None:
            shape(value, where)

    return check


def one_of(*values: Any) -> Shape:
    def check(value: Any, where: str) -> None:
        among = any(value == v and type(value) is type(v) for v in values)
        expect(among, where, f"one of {values}, not {value!r:.100}")

    return check


def list_of(shape: Shape) -> Shape:
    def check(value: Any, where: str) -> None:
        expect(isinstance(value, list), where, f"a list, not {value!r:.100}")
        for index, each in enumerate(value):
            shape(each, f"{where}[{index}]")

    return check


def map_of(shape: Shape) -> Shape:
    def check(value: Any, where: str) -> None:
        expect(isinstance(value, dict), where, f"an object, not {value!r:.100}")
        for name, each in value.items():
            shape(each, f"{where}.{name}")

    return check


def fields(required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    known = {**required, **(optional or {})}

    def check(value: Any, where: str) -> None:
        expect(isinstance(value, dict), where, f"an object, not {value!r:.100}")
        missing = required.keys() - value.keys()
        expect(not missing, where, f"has no {', '.join(sorted(missing))}")
        unknown = value.keys() - known.keys()
        expect(not unknown, where, f"has what nobody named: {', '.join(sorted(unknown))}")
        for name, each in value.items():
            known[name](each, f"{where}.{name}")

    return check


def by(name: str, shapes: Mapping[Any, Shape]) -> Shape:
    """The shape that the field `name` chooses."""

    def check(value: Any, where: str) -> None:
        expect(isinstance(value, dict), where, f"an object, not {value!r:.100}")
        chosen = value.get(name)
        expect(chosen in shapes, f"{where}.{name}", f"one of {sorted(shapes)}, not {chosen!r:.100}")
        shapes[chosen](value, where)

    return check


# The objects

SUMMARY: dict[str, Shape] = {
    "id": identity,
    "title": text,
    "model": nullable(identity),
    "project_id": nullable(identity),
    "temperature": nullable(number),
    "max_tokens": nullable(count),
    "thinking_enabled": boolean,
    "tools": nullable(list_of(identity)),
    "pinned": boolean,
    "archived": boolean,
    "leaf_message_id": nullable(identity),
    "created_at": moment,
    "updated_at": moment,
    "run_id": nullable(identity),
}
conversation_summary = fields(SUMMARY)
conversation = fields(SUMMARY | {"system_prompt": text})

run = fields(
    {
        "id": identity,
        "conversation_id": identity,
        "message_id": identity,
        "user_message_id": identity,
        "status": one_of("running", "awaiting_approval"),
        "model": identity,
        "started_at": moment,
    }
)
project = fields({"id": identity, "name": identity, "instructions": text, "created_at": moment})
model = fields(
    {
        "name": identity,
        "label": identity,
        "provider": identity,
        "default": boolean,
        "context_window": nullable(count),
        "tools": boolean,
        "vision": boolean,
        "thinking": boolean,
    }
)


def json_schema(value: Any, where: str) -> None:
    expect(isinstance(value, dict) and value.get("type") == "object", where, "a JSON Schema of type object")


tool = fields(
    {
        "name": identity,
        "description": identity,
        "parameters": json_schema,
        "category": identity,
        "read_only": boolean,
        "policy": one_of("allow", "ask", "deny"),
    }
)

PLACE: dict[str, Shape] = {"message_id": identity, "id": identity, "index": count}
RUN_IDS: dict[str, Shape] = {"conversation_id": identity, "run_id": identity}
BY_SUB_AGENT: dict[str, Shape] = {"parent": identity, "agent": identity}
APPROVAL = fields({"decision": one_of("allow", "always", "deny"), "by": nullable(identity), "at": moment})
TEXT_OF = {"thinking": "content", "text": "content", "tool_call": "arguments", "tool_result": "content"}
STATUSES = ("streaming", "awaiting_approval", "running", "finished")

STEP_FIELDS: dict[str, dict[str, Shape]] = {
    "thinking": {"content": text, "duration": nullable(seconds)},
    "text": {"content": text},
    "tool_call": {
        "id_ref": identity,
        "name": identity,
        "arguments": text,
        "status": one_of(*STATUSES),
        "progress": nullable(text),
        "approval": nullable(APPROVAL),
    },
    "tool_result": {
        "id_ref": identity,
        "name": identity,
        "content": text,
        "success": boolean,
        "skipped": boolean,
        "execution_time": seconds,
    },
}


def _step_shape(kind: str, ids: Mapping[str, Shape], optional: Mapping[str, Shape]) -> Shape:
    own = {name: shape for name, shape in STEP_FIELDS[kind].items() if name not in optional}
    return fields({**ids, **PLACE, "type": one_of(kind), **own}, {**BY_SUB_AGENT, **optional})


_shown = by("type", {k: _step_shape(k, RUN_IDS, {TEXT_OF[k]: text}) for k in STEP_FIELDS})


def shown_step(value: Any, where: str) -> None:
    """A step of process_step: a later one may leave out what it says."""
    _shown(value, where)
    expect(value["id"] == f"step-{value['index']}", f"{where}.id", f"of step {value['index']}, not {value['id']}")


_stored = by("type", {k: _step_shape(k, {}, {"truncated": one_of(True)}) for k in STEP_FIELDS})


def _stored_step(value: Any, where: str) -> None:
    _stored(value, where)
    if value["type"] == "tool_result" and "truncated" not in value:
        json_text(value["content"], f"{where}.content")


message_tool_call = fields(
    {
        "id": identity,
        "type": one_of("function"),
        "function": fields({"name": text, "arguments": text}),
        "result": nullable(text),
        "success": nullable(boolean),
        "skipped": boolean,
        "execution_time": nullable(seconds),
    }
)
_message = fields(
    {
        "id": identity,
        "conversation_id": identity,
        "parent_id": nullable(identity),
        "role": one_of("user", "assistant"),
        "status": one_of("complete", "streaming", "cancelled", "failed"),
        "model": nullable(identity),
        "created_at": moment,
        "token_count": nullable(count),
        "siblings": list_of(identity),
        "rating": one_of(1, 0, -1),
        "attachments": list_of(identity),
        "content": fields({"text": text, "tool_calls": list_of(message_tool_call), "steps": list_of(_stored_step)}),
    },
    {"truncated": one_of(True)},
)


def message(value: Any, where: str) -> None:
    _message(value, where)
    expect(value["id"] in value["siblings"], f"{where}.siblings", "the message itself is among them")
    indexes = [step["index"] for step in value["content"]["steps"]]
    expect(indexes == sorted(set(indexes)), f"{where}.content.steps", f"in order of their index, not {indexes}")
    places = {step["message_id"] for step in value["content"]["steps"]}
    expect(places <= {value["id"]}, f"{where}.content.steps", "of this message")


# Results and errors

NOTHING = fields({})
ONE = fields({"conversation": conversation})
SENT = fields(
    {"conversation_id": identity, "message_id": identity, "run_id": identity, "assistant_message_id": identity}
)
PAGE = fields(
    {
        "conversation": conversation,
        "messages": list_of(message),
        "previous_cursor": nullable(identity),
        "run": nullable(run),
    }
)
RESULTS: dict[str, Shape] = {
    "conversation.create": ONE,
    "conversation.list": fields({"conversations": list_of(conversation_summary), "next_cursor": nullable(identity)}),
    "conversation.get": PAGE,
    "conversation.update": ONE,
    "conversation.delete": NOTHING,
    "conversation.subscribe": fields({"conversation": conversation, "run": nullable(run)}),
    "conversation.unsubscribe": NOTHING,
    "message.send": SENT,
    "message.edit": SENT,
    "message.regenerate": SENT,
    "message.select": PAGE,
    "message.rate": NOTHING,
    "step.get": fields({"text": text, "next_offset": nullable(count)}),
    "run.cancel": NOTHING,
    "run.approve": NOTHING,
    "project.create": fields({"project": project}),
    "project.list": fields({"projects": list_of(project), "next_cursor": nullable(identity)}),
    "models.list": fields({"models": list_of(model)}),
    "tools.list": fields({"tools": list_of(tool)}),
    "flow.start": NOTHING,
    "flow.ack": NOTHING,
}

PLAIN_REFUSALS = ("not_found", "run_active", "too_large", "already_decided", "unavailable")
REFUSALS_FOR_NOW = ("rate_limited", "quota_exceeded")
ERROR_DATA = by(
    "code",
    {code: fields({"code": text}) for code in PLAIN_REFUSALS}
    | {code: fields({"code": text, "retry_after": seconds}) for code in REFUSALS_FOR_NOW},
)


def wrong_fields(value: Any, where: str) -> None:
    map_of(identity)(value, where)
    expect(bool(value), where, "each wrong field by its name")


def _error(code: int, **data: Shape) -> Shape:
    return fields({"code": one_of(code), "message": identity, **data})


ERROR = by(
    "code",
    {
        -32700: _error(-32700),
        -32600: _error(-32600),
        -32601: _error(-32601),
        -32602: _error(-32602, data=fields({"errors": wrong_fields})),
        -32000: _error(-32000, data=ERROR_DATA),
    },
)

# Notifications

ENDED: dict[str, Shape] = {**RUN_IDS, "message_id": identity}
RUN_ERRORS: dict[str, tuple[str | None, bool]] = {
    "unreachable": ("Unable to connect to LLM service", True),
    "timeout": ("LLM request timed out", True),
    "rate_limited": ("Rate limit exceeded, please try again later", True),
    "unavailable": ("LLM service unavailable (503)", True),
    "rejected_key": ("The LLM service refused the configured key", False),
    "unknown_model": ("The LLM service does not know this model", False),
    "context_too_long": ("The conversation is too long for this model", False),
    "refused": ("The LLM service refused this request", False),
    "malformed": ("The LLM service sent an answer that could not be read, or broke off", True),
    "max_iterations": ("Exceeded maximum tool call iterations", False),
    "quota_exceeded": (None, False),
    "interrupted": ("The server stopped while this was being answered", True),
    "internal": ("Internal error", True),
}


def _begins(content: str) -> Shape:
    def check(value: Any, where: str) -> None:
        text(value, where)
        expect(value.startswith(content), where, f"{content!r}, and perhaps a reason")

    return check


def _run_error(code: str, content: str | None, retryable: bool) -> Shape:
    sentence = identity if content is None else _begins(content) if code == "refused" else one_of(content)
    required = {**ENDED, "code": text, "content": sentence, "retryable": one_of(retryable)}
    return fields(required, {"retry_after": seconds})


_done = fields(
    {
        **ENDED,
        "status": one_of("complete", "cancelled"),
        "finish_reason": one_of("stop", "length", "content_filter", "cancelled"),
        "token_count": count,
        "prompt_tokens": count,
        "completion_tokens": count,
        "suggested_title": nullable(text),
    }
)


def done(value: Any, where: str) -> None:
    _done(value, where)
    expect(value["token_count"] == value["completion_tokens"], where, "token_count is the sum of completion tokens")
    both = (value["status"] == "cancelled") == (value["finish_reason"] == "cancelled")
    expect(both, where, "what is cancelled has that finish_reason, and nothing else")


def question(value: Any, where: str) -> None:
    message(value, where)
    expect(value["role"] == "user", f"{where}.role", "a question's")


def delta(value: Any, where: str) -> None:
    text(value, where)
    expect(value != "", where, "text to append")


hello = fields(
    {
        "protocol": one_of(1),
        "server": identity,
        "user": fields({"id": identity, "username": identity}),
        "limits": map_of(number),
    }
)
NOTIFICATIONS: dict[str, Shape] = {
    "hello": hello,
    "message_added": fields({"message": question}),
    "run_started": fields({**ENDED, "user_message_id": identity, "model": identity, "started_at": moment}),
    "process_step": shown_step,
    "step_delta": fields({"run_id": identity, "id": identity, "text": delta}),
    "steps_reset": fields({"run_id": identity, "index": count}, {"parent": identity}),
    "approval_required": fields(
        {"run_id": identity, "call_id": identity, "name": identity, "arguments": text, "expires_at": moment}
    ),
    "done": done,
    "error": by("code", {code: _run_error(code, *told) for code, told in RUN_ERRORS.items()}),
    "conversation_changed": fields({"conversation": conversation}),
    "conversation_deleted": fields({"conversation_id": identity}),
}

# One connection


@dataclass
class Flow:
    """Bytes taken since `flow.start`; the client may count its answer (`start`) among them, or not."""

    window: int
    start: int
    taken: int = 0
    acknowledged: int = 0

    def acknowledge(self, taken: Any) -> None:
        if isinstance(taken, int):
            self.acknowledged = max(self.acknowledged, min(taken, self.taken))

    def take(self, size: int) -> None:
        under_way = self.taken - self.acknowledged
        fits = under_way + size <= self.window or under_way <= self.start
        expect(fits, "flow", f"at most {self.window} bytes under way, not {under_way} and {size} more")
        self.taken += size


@dataclass
class RunSoFar:
    """What a connection was told of one run, and whether it makes sense."""

    conversation_id: str
    message_id: str
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    was_reset: bool = False
    ended: bool = False

    def take(self, method: str, params: dict[str, Any]) -> None:
        expect(not self.ended, method, f"nothing follows the end of run {params['run_id']}")
        if "message_id" in params:
            expect(params["message_id"] == self.message_id, method, "the message is the run's")
        match method:
            case "process_step":
                known = self.steps.get(params["id"])
                self._change(known, params) if known else self._add(params)
            case "step_delta":
                self._grow(params)
            case "steps_reset":
                self._reset(params)
            case "done" | "error":
                self._end()

    def _add(self, step: dict[str, Any]) -> None:
        where = f"process_step {step['id']}"
        expect(TEXT_OF[step["type"]] in step, where, "the first one for a step says what the step says")
        before = max((s["index"] for s in self.steps.values()), default=-1)
        follows = step["index"] > before if self.was_reset else step["index"] == before + 1
        expect(follows, where, f"in order of first appearance, so not after {before}")
        calls = {s["id_ref"] for s in self.steps.values() if s["type"] == "tool_call"}
        if step["type"] == "tool_call":
            expect(step["id_ref"] not in calls, where, "a call's id is unique within the run")
        if step["type"] == "tool_result":
            expect(step["id_ref"] in calls, where, "a result is of a call that was shown")
        self.steps[step["id"]] = dict(step)

    def _change(self, known: dict[str, Any], step: dict[str, Any]) -> None:
        where = f"process_step {step['id']}"
        for name in ("type", "index", "id_ref", "name"):
            expect(known.get(name) == step.get(name), where, f"{name} stays as it was")
        told = TEXT_OF[step["type"]]
        expect(step.get(told, known[told]).startswith(known[told]), where, f"{told} only ever grows")
        if step["type"] == "tool_call":
            back = STATUSES.index(step["status"]) < STATUSES.index(known["status"])
            expect(not back, where, f"no way back from {known['status']} to {step['status']}")
        known |= step

    def _grow(self, params: dict[str, Any]) -> None:
        step = self.steps.get(params["id"])
        expect(step is not None, "step_delta", f"{params['id']} was not shown yet")
        if step is not None:
            step[TEXT_OF[step["type"]]] += params["text"]

    def _reset(self, params: dict[str, Any]) -> None:
        self.was_reset = True
        parent = params.get("parent")
        for key, step in list(self.steps.items()):
            if step["index"] >= params["index"] and (parent is None or step.get("parent") == parent):
                del self.steps[key]

    def _end(self) -> None:
        self.ended = True
        for step in self.steps.values():
            open_call = step["type"] == "tool_call" and step["status"] != "finished"
            open_thought = step["type"] == "thinking" and step["duration"] is None
            expect(not open_call and not open_thought, "the end of a run", f"{step['id']} is still under way")


@dataclass(frozen=True)
class Expected:
    """An answer to come."""

    id: Any
    method: str | None
    params: dict[str, Any]


class Contract:
    """What has passed on one connection."""

    def __init__(self) -> None:
        self._expected: deque[Expected] = deque()
        self._greeted = False
        self._followed: set[str] = set()
        self._runs: dict[str, RunSoFar] = {}
        self._flow: Flow | None = None

    @property
    def taken(self) -> int:
        """Bytes of frames since `flow.start`, its answer included."""
        return self._flow.taken if self._flow else 0

    def sent(self, frame: str | bytes) -> None:
        """Notes what the client sends, so that its answer is known."""
        expected, wants_answer = _expected_answer(frame)
        if wants_answer:
            self._expected.append(expected)
        if expected.method == "flow.start":
            self._flow = None
        elif expected.method == "flow.ack" and self._flow is not None:
            self._flow.acknowledge(expected.params.get("bytes"))

    def received(self, frame: str | bytes) -> dict[str, Any]:
        """The frame, decoded. Raises Violation."""
        expect(isinstance(frame, str), "frame", "text")
        size = len(frame.encode()) if isinstance(frame, str) else len(frame)
        expect(size <= MAX_FRAME_BYTES, "frame", f"at most 1 MB, not {size}: {frame[:200]!r}")
        decoded = _decode(str(frame))
        if "method" in decoded:
            self._take_notification(decoded)
        else:
            self._take_answer(decoded, size)
        if self._flow is not None:
            self._flow.take(size)
        escaped = ESCAPED.search(str(frame))
        expect(escaped is None, "frame", f"in unescaped UTF-8, without {escaped and escaped[0]}")
        return decoded

    def _take_answer(self, frame: dict[str, Any], size: int) -> None:
        expect(bool(self._expected), "answer", f"answers no request: {frame!r:.200}")
        expected = self._expected.popleft()
        same = json.dumps(frame.get("id")) == json.dumps(expected.id)
        expect(same, "answer", f"in order, with the id {expected.id!r}, not {frame.get('id')!r}")
        if "error" in frame:
            fields({"jsonrpc": one_of("2.0"), "id": anything, "error": ERROR})(frame, "answer")
            return
        shape = RESULTS.get(expected.method or "")
        expect(shape is not None, "answer", f"no result for {expected.method!r:.100}")
        if shape is not None:
            fields({"jsonrpc": one_of("2.0"), "id": anything, "result": shape})(frame, expected.method or "")
        if expected.method == "flow.start":
            self._flow = Flow(expected.params["window"], size)
        self._take_result(expected, frame["result"])

    def _take_result(self, expected: Expected, result: dict[str, Any]) -> None:
        match expected.method:
            case "message.send" | "message.edit" | "message.regenerate":
                self._followed.add(result["conversation_id"])
            case "conversation.subscribe":
                self._followed.add(result["conversation"]["id"])
            case "conversation.unsubscribe":
                gone = expected.params["conversation_id"]
                self._followed.discard(gone)
                self._runs = {key: told for key, told in self._runs.items() if told.conversation_id != gone}

    def _take_notification(self, frame: dict[str, Any]) -> None:
        method = frame["method"]
        expect(method in NOTIFICATIONS, "notification", f"a known one, not {method!r:.100}")
        fields({"jsonrpc": one_of("2.0"), "method": text, "params": NOTIFICATIONS[method]})(frame, method)
        expect((method == "hello") != self._greeted, method, "hello comes first, and once")
        self._greeted = True
        params = frame["params"]
        if method == "message_added":
            self._expect_followed(method, params["message"]["conversation_id"])
        elif "run_id" in params:
            self._take_news(method, params)

    def _take_news(self, method: str, params: dict[str, Any]) -> None:
        run_id = params["run_id"]
        if method == "run_started":
            expect(run_id not in self._runs, method, f"run {run_id} was told already")
            self._runs[run_id] = RunSoFar(params["conversation_id"], params["message_id"])
        expect(run_id in self._runs, method, f"run {run_id} was not told to have started")
        told = self._runs[run_id]
        self._expect_followed(method, told.conversation_id)
        expect(params.get("conversation_id", told.conversation_id) == told.conversation_id, method, "the run's own")
        told.take(method, params)

    def _expect_followed(self, method: str, conversation_id: str) -> None:
        expect(conversation_id in self._followed, method, f"nobody subscribed to {conversation_id}, or not yet")


def _decode(frame: str) -> dict[str, Any]:
    try:
        decoded = json.loads(frame, parse_constant=_refuse, object_pairs_hook=_without_repetition)
    except ValueError as error:
        raise Violation(f"frame: JSON, not {frame[:200]!r}: {error}") from error
    expect(isinstance(decoded, dict), "frame", "a JSON object")
    assert isinstance(decoded, dict)
    return decoded


def _expected_answer(frame: str | bytes) -> tuple[Expected, bool]:
    """What JSON-RPC 2.0 says must come back: nothing for a request without an id; null for an id that is not known."""
    try:
        request = json.loads(frame, parse_constant=_refuse) if isinstance(frame, str) else None
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        return Expected(None, None, {}), True
    method, params = request.get("method"), request.get("params")
    is_request = request.get("jsonrpc") == "2.0" and isinstance(method, str)
    expected = Expected(
        _readable_id(request.get("id")),
        method if isinstance(method, str) else None,
        params if isinstance(params, dict) else {},
    )
    return expected, "id" in request or not is_request


def _readable_id(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return None if value in (float("inf"), float("-inf")) else value


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that comes twice")
    return found
