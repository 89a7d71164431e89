"""Checks every frame from the server against docs/protocol.md, without sharing code with the server.

    contract = Contract()
    contract.sent('{"jsonrpc":"2.0","id":1,"method":"models.list"}')
    frame = contract.received(text)        # raises Violation

A `Shape` checks one value strictly: a missing or an unknown field is a violation. A `Contract` checks one connection:
responses come in the order of the requests, notifications of a run only after a subscription to its conversation, in a
valid order, and none after its end.
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
"""Escapes of characters that JSON need not escape: all but control characters and lone surrogates."""


class Violation(AssertionError):
    """The server violated the protocol."""


def expect(condition: bool, where: str, expected: str) -> None:
    if not condition:
        raise Violation(f"{where}: expected {expected}")


# Shapes of values


def text(value: Any, where: str) -> None:
    expect(isinstance(value, str), where, f"text, not {value!r:.100}")
    expect("\0" not in value, where, "no NUL")
    expect(not re.search("[\ud800-\udfff]", value), where, "no lone surrogate")


def identifier(value: Any, where: str) -> None:
    text(value, where)
    expect(value != "", where, "a non-empty id")


def timestamp(value: Any, where: str) -> None:
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
        raise Violation(f"{where}: expected JSON text, not {value[:100]!r}") from error


def anything(value: Any, where: str) -> None:
    """Accepts any JSON value."""


def nullable(shape: Shape) -> Shape:
    def check(value: Any, where: str) -> None:
        if value is not None:
            shape(value, where)

    return check


def one_of(*values: Any) -> Shape:
    def check(value: Any, where: str) -> None:
        matches = any(value == v and type(value) is type(v) for v in values)
        expect(matches, where, f"one of {values}, not {value!r:.100}")

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
        expect(not missing, where, f"the fields {', '.join(sorted(missing))}")
        unknown = value.keys() - known.keys()
        expect(not unknown, where, f"no fields {', '.join(sorted(unknown))}")
        for name, each in value.items():
            known[name](each, f"{where}.{name}")

    return check


def tagged(name: str, shapes: Mapping[Any, Shape]) -> Shape:
    """Returns a shape for objects whose field `name` selects one of the shapes."""

    def check(value: Any, where: str) -> None:
        expect(isinstance(value, dict), where, f"an object, not {value!r:.100}")
        tag = value.get(name)
        expect(tag in shapes, f"{where}.{name}", f"one of {sorted(shapes)}, not {tag!r:.100}")
        shapes[tag](value, where)

    return check


# Objects

SUMMARY: dict[str, Shape] = {
    "id": identifier,
    "title": text,
    "model": nullable(identifier),
    "project_id": nullable(identifier),
    "temperature": nullable(number),
    "max_tokens": nullable(count),
    "thinking_enabled": boolean,
    "tools": nullable(list_of(identifier)),
    "pinned": boolean,
    "archived": boolean,
    "leaf_message_id": nullable(identifier),
    "created_at": timestamp,
    "updated_at": timestamp,
    "run_id": nullable(identifier),
}
conversation_summary = fields(SUMMARY)
conversation = fields(SUMMARY | {"system_prompt": text})

run = fields(
    {
        "id": identifier,
        "conversation_id": identifier,
        "message_id": identifier,
        "user_message_id": identifier,
        "status": one_of("running", "awaiting_approval"),
        "model": identifier,
        "started_at": timestamp,
    }
)
project = fields({"id": identifier, "name": identifier, "instructions": text, "created_at": timestamp})
model = fields(
    {
        "name": identifier,
        "label": identifier,
        "provider": identifier,
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
        "name": identifier,
        "description": identifier,
        "parameters": json_schema,
        "category": identifier,
        "read_only": boolean,
        "policy": one_of("allow", "ask", "deny"),
    }
)

STEP_IDS: dict[str, Shape] = {"message_id": identifier, "id": identifier, "index": count}
RUN_IDS: dict[str, Shape] = {"conversation_id": identifier, "run_id": identifier}
SUB_AGENT_FIELDS: dict[str, Shape] = {"parent": identifier, "agent": identifier}
APPROVAL = fields({"decision": one_of("allow", "always", "deny"), "by": nullable(identifier), "at": timestamp})
TEXT_FIELD = {"thinking": "content", "text": "content", "tool_call": "arguments", "tool_result": "content"}
STATUSES = ("streaming", "awaiting_approval", "running", "finished")

STEP_FIELDS: dict[str, dict[str, Shape]] = {
    "thinking": {"content": text, "duration": nullable(seconds)},
    "text": {"content": text},
    "tool_call": {
        "id_ref": identifier,
        "name": identifier,
        "arguments": text,
        "status": one_of(*STATUSES),
        "progress": nullable(text),
        "approval": nullable(APPROVAL),
    },
    "tool_result": {
        "id_ref": identifier,
        "name": identifier,
        "content": text,
        "success": boolean,
        "skipped": boolean,
        "execution_time": seconds,
    },
}


def _step_shape(kind: str, ids: Mapping[str, Shape], optional: Mapping[str, Shape]) -> Shape:
    own = {name: shape for name, shape in STEP_FIELDS[kind].items() if name not in optional}
    return fields({**ids, **STEP_IDS, "type": one_of(kind), **own}, {**SUB_AGENT_FIELDS, **optional})


_streamed_step = tagged("type", {k: _step_shape(k, RUN_IDS, {TEXT_FIELD[k]: text}) for k in STEP_FIELDS})


def streamed_step(value: Any, where: str) -> None:
    """A step in `process_step`. A later one for the same step may leave out the text."""
    _streamed_step(value, where)
    expect(
        value["id"] == f"step-{value['index']}", f"{where}.id", f"the id for index {value['index']}, not {value['id']}"
    )


_stored_step = tagged("type", {k: _step_shape(k, {}, {"truncated": one_of(True)}) for k in STEP_FIELDS})


def stored_step(value: Any, where: str) -> None:
    _stored_step(value, where)
    if value["type"] == "tool_result" and "truncated" not in value:
        json_text(value["content"], f"{where}.content")


message_tool_call = fields(
    {
        "id": identifier,
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
        "id": identifier,
        "conversation_id": identifier,
        "parent_id": nullable(identifier),
        "role": one_of("user", "assistant"),
        "status": one_of("complete", "streaming", "cancelled", "failed"),
        "model": nullable(identifier),
        "created_at": timestamp,
        "token_count": nullable(count),
        "siblings": list_of(identifier),
        "rating": one_of(1, 0, -1),
        "attachments": list_of(identifier),
        "content": fields({"text": text, "tool_calls": list_of(message_tool_call), "steps": list_of(stored_step)}),
    },
    {"truncated": one_of(True)},
)


def message(value: Any, where: str) -> None:
    _message(value, where)
    expect(value["id"] in value["siblings"], f"{where}.siblings", "the id of the message itself")
    indexes = [step["index"] for step in value["content"]["steps"]]
    expect(indexes == sorted(set(indexes)), f"{where}.content.steps", f"unique indexes in order, not {indexes}")
    message_ids = {step["message_id"] for step in value["content"]["steps"]}
    expect(message_ids <= {value["id"]}, f"{where}.content.steps", "steps of this message")


# Results and errors

EMPTY = fields({})
CONVERSATION_RESULT = fields({"conversation": conversation})
STARTED_RUN_RESULT = fields(
    {"conversation_id": identifier, "message_id": identifier, "run_id": identifier, "assistant_message_id": identifier}
)
PAGE = fields(
    {
        "conversation": conversation,
        "messages": list_of(message),
        "previous_cursor": nullable(identifier),
        "run": nullable(run),
    }
)
RESULTS: dict[str, Shape] = {
    "conversation.create": CONVERSATION_RESULT,
    "conversation.list": fields({"conversations": list_of(conversation_summary), "next_cursor": nullable(identifier)}),
    "conversation.get": PAGE,
    "conversation.update": CONVERSATION_RESULT,
    "conversation.delete": EMPTY,
    "conversation.subscribe": fields({"conversation": conversation, "run": nullable(run)}),
    "conversation.unsubscribe": EMPTY,
    "message.send": STARTED_RUN_RESULT,
    "message.edit": STARTED_RUN_RESULT,
    "message.regenerate": STARTED_RUN_RESULT,
    "message.select": PAGE,
    "message.rate": EMPTY,
    "step.get": fields({"text": text, "next_offset": nullable(count)}),
    "run.cancel": EMPTY,
    "run.approve": EMPTY,
    "project.create": fields({"project": project}),
    "project.list": fields({"projects": list_of(project), "next_cursor": nullable(identifier)}),
    "models.list": fields({"models": list_of(model)}),
    "tools.list": fields({"tools": list_of(tool)}),
    "flow.start": EMPTY,
    "flow.ack": EMPTY,
}

PLAIN_ERROR_CODES = ("not_found", "run_active", "too_large", "already_decided", "unavailable")
RETRY_AFTER_ERROR_CODES = ("rate_limited", "quota_exceeded")
ERROR_DATA = tagged(
    "code",
    {code: fields({"code": text}) for code in PLAIN_ERROR_CODES}
    | {code: fields({"code": text, "retry_after": seconds}) for code in RETRY_AFTER_ERROR_CODES},
)


def invalid_fields(value: Any, where: str) -> None:
    map_of(identifier)(value, where)
    expect(bool(value), where, "at least one invalid field")


def _error(code: int, **data: Shape) -> Shape:
    return fields({"code": one_of(code), "message": identifier, **data})


ERROR = tagged(
    "code",
    {
        -32700: _error(-32700),
        -32600: _error(-32600),
        -32601: _error(-32601),
        -32602: _error(-32602, data=fields({"errors": invalid_fields})),
        -32000: _error(-32000, data=ERROR_DATA),
    },
)

# Notifications

RUN_MESSAGE_IDS: dict[str, Shape] = {**RUN_IDS, "message_id": identifier}
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


def _starts_with(content: str) -> Shape:
    def check(value: Any, where: str) -> None:
        text(value, where)
        expect(value.startswith(content), where, f"{content!r} and an optional reason")

    return check


def _run_error(code: str, content: str | None, retryable: bool) -> Shape:
    sentence = identifier if content is None else _starts_with(content) if code == "refused" else one_of(content)
    required = {**RUN_MESSAGE_IDS, "code": text, "content": sentence, "retryable": one_of(retryable)}
    return fields(required, {"retry_after": seconds})


_done = fields(
    {
        **RUN_MESSAGE_IDS,
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
    expect(value["token_count"] == value["completion_tokens"], where, "equal token_count and completion_tokens")
    consistent = (value["status"] == "cancelled") == (value["finish_reason"] == "cancelled")
    expect(consistent, where, "cancelled as both status and finish_reason, or as neither")


def question(value: Any, where: str) -> None:
    message(value, where)
    expect(value["role"] == "user", f"{where}.role", "user")


def delta(value: Any, where: str) -> None:
    text(value, where)
    expect(value != "", where, "non-empty text")


hello = fields(
    {
        "protocol": one_of(1),
        "server": identifier,
        "user": fields({"id": identifier, "username": identifier}),
        "limits": map_of(number),
    }
)
NOTIFICATIONS: dict[str, Shape] = {
    "hello": hello,
    "message_added": fields({"message": question}),
    "run_started": fields(
        {**RUN_MESSAGE_IDS, "user_message_id": identifier, "model": identifier, "started_at": timestamp}
    ),
    "process_step": streamed_step,
    "step_delta": fields({"run_id": identifier, "id": identifier, "text": delta}),
    "steps_reset": fields({"run_id": identifier, "index": count}, {"parent": identifier}),
    "approval_required": fields(
        {"run_id": identifier, "call_id": identifier, "name": identifier, "arguments": text, "expires_at": timestamp}
    ),
    "done": done,
    "error": tagged("code", {code: _run_error(code, *expected) for code, expected in RUN_ERRORS.items()}),
    "conversation_changed": fields({"conversation": conversation}),
    "conversation_deleted": fields({"conversation_id": identifier}),
}

# Connections


@dataclass
class Flow:
    """Counts bytes since `flow.start`. The client may count the response to it, of `start_size` bytes, or not."""

    window: int
    start_size: int
    received: int = 0
    acknowledged: int = 0

    def acknowledge(self, count: Any) -> None:
        if isinstance(count, int):
            self.acknowledged = max(self.acknowledged, min(count, self.received))

    def receive(self, size: int) -> None:
        unacknowledged = self.received - self.acknowledged
        fits = unacknowledged + size <= self.window or unacknowledged <= self.start_size
        expect(fits, "flow", f"at most {self.window} unacknowledged bytes, not {unacknowledged} and {size} more")
        self.received += size


@dataclass
class RunState:
    """Checks the order of the notifications about one run on a connection."""

    conversation_id: str
    message_id: str
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    was_reset: bool = False
    ended: bool = False

    def receive(self, method: str, params: dict[str, Any]) -> None:
        expect(not self.ended, method, f"nothing after the end of run {params['run_id']}")
        if "message_id" in params:
            expect(params["message_id"] == self.message_id, method, "the message of the run")
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
        expect(TEXT_FIELD[step["type"]] in step, where, "the text in the first one for a step")
        before = max((s["index"] for s in self.steps.values()), default=-1)
        follows = step["index"] > before if self.was_reset else step["index"] == before + 1
        expect(follows, where, f"the index that follows {before}")
        calls = {s["id_ref"] for s in self.steps.values() if s["type"] == "tool_call"}
        if step["type"] == "tool_call":
            expect(step["id_ref"] not in calls, where, "a call id that is unique in the run")
        if step["type"] == "tool_result":
            expect(step["id_ref"] in calls, where, "a result of a known call")
        self.steps[step["id"]] = dict(step)

    def _change(self, known: dict[str, Any], step: dict[str, Any]) -> None:
        where = f"process_step {step['id']}"
        for name in ("type", "index", "id_ref", "name"):
            expect(known.get(name) == step.get(name), where, f"an unchanged {name}")
        name = TEXT_FIELD[step["type"]]
        expect(step.get(name, known[name]).startswith(known[name]), where, f"{name} that only grows")
        if step["type"] == "tool_call":
            forward = STATUSES.index(step["status"]) >= STATUSES.index(known["status"])
            expect(forward, where, f"no change from {known['status']} back to {step['status']}")
        known |= step

    def _grow(self, params: dict[str, Any]) -> None:
        step = self.steps.get(params["id"])
        expect(step is not None, "step_delta", f"a known step, not {params['id']}")
        if step is not None:
            step[TEXT_FIELD[step["type"]]] += params["text"]

    def _reset(self, params: dict[str, Any]) -> None:
        self.was_reset = True
        parent = params.get("parent")
        for key, step in list(self.steps.items()):
            if step["index"] >= params["index"] and (parent is None or step.get("parent") == parent):
                del self.steps[key]

    def _end(self) -> None:
        self.ended = True
        for step in self.steps.values():
            unfinished_call = step["type"] == "tool_call" and step["status"] != "finished"
            unfinished_thinking = step["type"] == "thinking" and step["duration"] is None
            expect(not unfinished_call and not unfinished_thinking, "end of a run", f"a finished {step['id']}")


@dataclass(frozen=True)
class ExpectedResponse:
    """The response that the next request in order must get."""

    id: Any
    method: str | None
    params: dict[str, Any]


class Contract:
    """Checks the frames of one connection."""

    def __init__(self) -> None:
        self._expected: deque[ExpectedResponse] = deque()
        self._hello_received = False
        self._subscribed: set[str] = set()
        self._runs: dict[str, RunState] = {}
        self._flow: Flow | None = None

    @property
    def bytes_received(self) -> int:
        """Bytes of frames since `flow.start`, including its response."""
        return self._flow.received if self._flow else 0

    def sent(self, frame: str | bytes) -> None:
        """Records a frame that the client sends, and the response it must get."""
        expected, has_response = _expected_response(frame)
        if has_response:
            self._expected.append(expected)
        if expected.method == "flow.start":
            self._flow = None
        elif expected.method == "flow.ack" and self._flow is not None:
            self._flow.acknowledge(expected.params.get("bytes"))

    def received(self, frame: str | bytes) -> dict[str, Any]:
        """Returns the decoded frame. Raises Violation."""
        expect(isinstance(frame, str), "frame", "text")
        size = len(frame.encode()) if isinstance(frame, str) else len(frame)
        expect(size <= MAX_FRAME_BYTES, "frame", f"at most 1 MB, not {size}: {frame[:200]!r}")
        decoded = _decode(str(frame))
        if "method" in decoded:
            self._receive_notification(decoded)
        else:
            self._receive_response(decoded, size)
        if self._flow is not None:
            self._flow.receive(size)
        escaped = ESCAPED.search(str(frame))
        expect(escaped is None, "frame", f"unescaped UTF-8, without {escaped and escaped[0]}")
        return decoded

    def _receive_response(self, frame: dict[str, Any], size: int) -> None:
        expect(bool(self._expected), "response", f"no response without a request: {frame!r:.200}")
        expected = self._expected.popleft()
        same = json.dumps(frame.get("id")) == json.dumps(expected.id)
        expect(same, "response", f"the next id {expected.id!r}, not {frame.get('id')!r}")
        if "error" in frame:
            fields({"jsonrpc": one_of("2.0"), "id": anything, "error": ERROR})(frame, "response")
            return
        shape = RESULTS.get(expected.method or "")
        expect(shape is not None, "response", f"no result for {expected.method!r:.100}")
        if shape is not None:
            fields({"jsonrpc": one_of("2.0"), "id": anything, "result": shape})(frame, expected.method or "")
        if expected.method == "flow.start":
            self._flow = Flow(expected.params["window"], size)
        self._receive_result(expected, frame["result"])

    def _receive_result(self, expected: ExpectedResponse, result: dict[str, Any]) -> None:
        match expected.method:
            case "message.send" | "message.edit" | "message.regenerate":
                self._subscribed.add(result["conversation_id"])
            case "conversation.subscribe":
                self._subscribed.add(result["conversation"]["id"])
            case "conversation.unsubscribe":
                conversation_id = expected.params["conversation_id"]
                self._subscribed.discard(conversation_id)
                self._runs = {key: run for key, run in self._runs.items() if run.conversation_id != conversation_id}

    def _receive_notification(self, frame: dict[str, Any]) -> None:
        method = frame["method"]
        expect(method in NOTIFICATIONS, "notification", f"a known method, not {method!r:.100}")
        fields({"jsonrpc": one_of("2.0"), "method": text, "params": NOTIFICATIONS[method]})(frame, method)
        expect((method == "hello") != self._hello_received, method, "hello first and only once")
        self._hello_received = True
        params = frame["params"]
        if method == "message_added":
            self._expect_subscription(method, params["message"]["conversation_id"])
        elif "run_id" in params:
            self._receive_run_notification(method, params)

    def _receive_run_notification(self, method: str, params: dict[str, Any]) -> None:
        run_id = params["run_id"]
        if method == "run_started":
            expect(run_id not in self._runs, method, f"only one run_started for run {run_id}")
            self._runs[run_id] = RunState(params["conversation_id"], params["message_id"])
        expect(run_id in self._runs, method, f"run_started first for run {run_id}")
        run = self._runs[run_id]
        self._expect_subscription(method, run.conversation_id)
        same = params.get("conversation_id", run.conversation_id) == run.conversation_id
        expect(same, method, "the conversation of the run")
        run.receive(method, params)

    def _expect_subscription(self, method: str, conversation_id: str) -> None:
        expect(conversation_id in self._subscribed, method, f"a subscription to {conversation_id}")


def _decode(frame: str) -> dict[str, Any]:
    try:
        decoded = json.loads(frame, parse_constant=_refuse, object_pairs_hook=_unique_keys)
    except ValueError as error:
        raise Violation(f"frame: expected JSON, not {frame[:200]!r}: {error}") from error
    expect(isinstance(decoded, dict), "frame", "a JSON object")
    assert isinstance(decoded, dict)
    return decoded


def _expected_response(frame: str | bytes) -> tuple[ExpectedResponse, bool]:
    """Returns the response that JSON-RPC 2.0 requires, and whether there is one: a request without an id has none."""
    try:
        request = json.loads(frame, parse_constant=_refuse) if isinstance(frame, str) else None
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        return ExpectedResponse(None, None, {}), True
    method, params = request.get("method"), request.get("params")
    is_request = request.get("jsonrpc") == "2.0" and isinstance(method, str)
    expected = ExpectedResponse(
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


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated name")
    return found
