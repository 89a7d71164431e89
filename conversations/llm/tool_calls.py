"""Assembles the fragments of tool calls that servers stream into calls."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import orjson

from conversations.llm.errors import MalformedError
from conversations.llm.surrogates import TextRepairer, repair_text
from conversations.llm.types import ToolCallDelta

MAX_CALLS = 256
"""Calls in one answer. No working model asks for more."""
MAX_NAME_LENGTH = 200
MAX_ID_LENGTH = 10_000

_MAX_REPARSED_CHARACTERS = 64 * 1024


class PartialToolCall:
    """A call whose arguments may still grow. `index` is its ordinal in the answer.

    The call has deltas only once its name is known, and it is `announced`.
    """

    __slots__ = (
        "_arguments",
        "_has_delta",
        "_id",
        "_last_fragment",
        "_repairer",
        "announced",
        "index",
        "name",
        "server_id",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.server_id = ""
        self.name = ""
        self.announced = False
        self._id = ""
        self._has_delta = False
        self._arguments = StringIO()
        self._last_fragment = ""
        self._repairer = TextRepairer()

    def announce(self) -> None:
        """Fixes the call's id: an id that the server sends later is ignored."""
        self.announced = True
        self._id = self.server_id or f"call_{self.index}"

    def append(self, fragment: str) -> str:
        """Appends a fragment of the arguments, and returns it with its surrogates repaired."""
        text = self._repairer.feed(fragment)
        if text:
            self._arguments.write(text)
            self._last_fragment = text
        return text

    def flush(self) -> str:
        """Appends and returns what the repair of surrogates held back."""
        text = self._repairer.flush()
        self._arguments.write(text)
        return text

    @property
    def arguments(self) -> str:
        return self._arguments.getvalue()

    def delta(self, arguments: str) -> ToolCallDelta:
        """Returns the next delta of the call. Only the first has the id and the name."""
        if self._has_delta:
            return ToolCallDelta(self.index, arguments=arguments)
        self._has_delta = True
        return ToolCallDelta(self.index, self._id, self.name, arguments)

    def is_complete_before(self, fragment: str) -> bool:
        """Returns whether the arguments are complete, so that `fragment` starts those of another call."""
        return (
            fragment.lstrip().startswith("{")
            and self._arguments.tell() <= _MAX_REPARSED_CHARACTERS
            and self._last_fragment.rstrip().endswith("}")
            and is_json(self.arguments)
        )


def is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


class ToolCallAssembler:
    """Assigns fragments of tool calls to calls.

    The index identifies the call, where servers send it and send it right. Where every call has index 0, or none has
    an index, a new id or a new name starts a call; a repeated id or name continues its call, and a fragment with
    neither continues the latest call.
    """

    __slots__ = ("_by_id", "_by_index", "calls")

    def __init__(self) -> None:
        self.calls: list[PartialToolCall] = []
        self._by_index: dict[int, PartialToolCall] = {}
        self._by_id: dict[str, PartialToolCall] = {}

    def add(self, fragment: dict[str, Any]) -> tuple[PartialToolCall, str] | None:
        """Returns the fragment's call and the arguments that it adds; None if the fragment is empty."""
        function = fragment.get("function")
        if not isinstance(function, dict):
            function = fragment
        name, arguments = _text(function.get("name")), _arguments_text(function.get("arguments"))
        call_id, index = _text(fragment.get("id")), _index(fragment.get("index"))
        if len(name) > MAX_NAME_LENGTH or len(call_id) > MAX_ID_LENGTH:
            raise MalformedError("a tool call whose name or id is too long")
        if not (name or arguments or call_id):
            return None
        call = self._find(index, call_id, name, arguments)
        if call is None:
            if len(self.calls) >= MAX_CALLS:
                raise MalformedError(f"more than {MAX_CALLS} tool calls in one answer")
            call = PartialToolCall(len(self.calls))
            self.calls.append(call)
            if index is not None:
                self._by_index[index] = call
        call.name = call.name or name
        if call_id and not call.server_id:
            call.server_id = call_id
            self._by_id.setdefault(call_id, call)
        return call, call.append(arguments)

    def _find(self, index: int | None, call_id: str, name: str, arguments: str) -> PartialToolCall | None:
        """Returns the call that the fragment continues; None if it starts one."""
        latest = self.calls[-1] if self.calls else None
        current = latest if index is None else self._by_index.get(index)
        known = self._by_id.get(call_id) if call_id else None
        if current is None:
            return known if index is None else None
        if call_id and call_id == current.server_id:
            return current
        if known is not None:
            return known
        if call_id and (index is None or (name and current.server_id)):
            return None
        if name and current.name and (name != current.name or current.is_complete_before(arguments)):
            return None
        return current


def _text(value: object) -> str:
    if isinstance(value, str):
        return repair_text(value)
    return str(value) if isinstance(value, int) else ""


def _index(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _arguments_text(value: object) -> str:
    """Returns the arguments as JSON text; some servers send the object itself."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise MalformedError("arguments that are nested too deeply") from None
