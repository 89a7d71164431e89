from __future__ import annotations

import json
from io import StringIO
from typing import Any

import orjson

from conversations.llm.errors import MalformedError
from conversations.llm.surrogates import TextRepair, repaired
from conversations.llm.types import ToolCallDelta

MAX_CALLS = 256
"""In one answer; more is no model that works."""
LONGEST_NAME, LONGEST_ID = 200, 10_000

_LONGEST_CHECKED_AGAIN = 64 * 1024


class OpenCall:
    """A call whose arguments may still grow; `index` is our ordinal. For the world it begins once its name is known."""

    __slots__ = ("_arguments", "_id", "_introduced", "_last", "_repair", "begun", "given_id", "index", "name")

    def __init__(self, index: int) -> None:
        self.index = index
        self.given_id = ""
        self.name = ""
        self.begun = False
        self._id = ""
        self._introduced = False
        self._arguments = StringIO()
        self._last = ""
        self._repair = TextRepair()

    def begin(self) -> None:
        """From now on the world knows the call; an id that comes later is not its own."""
        self.begun = True
        self._id = self.given_id or f"call_{self.index}"

    def grow(self, fragment: str) -> str:
        """Returns the fragment, mended, or what it and earlier ones come to now that the text is known."""
        return self._keep(self._repair.mend(fragment))

    def rest(self) -> str:
        return self._keep(self._repair.rest())

    def _keep(self, text: str) -> str:
        if text:
            self._arguments.write(text)
            self._last = text
        return text

    @property
    def arguments(self) -> str:
        return self._arguments.getvalue()

    def delta(self, arguments: str) -> ToolCallDelta:
        """The next fragment as the world sees it: the first has id and name, an id being made if there is none."""
        if self._introduced:
            return ToolCallDelta(self.index, arguments=arguments)
        self._introduced = True
        return ToolCallDelta(self.index, self._id, self.name, arguments)

    def would_be_followed_by(self, fragment: str) -> bool:
        """Whether `fragment` begins another call's arguments: ours are whole, so that it cannot continue them."""
        return (
            fragment.lstrip().startswith("{")
            and self._arguments.tell() <= _LONGEST_CHECKED_AGAIN
            and self._last.rstrip().endswith("}")
            and parses(self.arguments)
        )


def parses(arguments: str) -> bool:
    """Whether a call's arguments are a whole JSON value."""
    try:
        orjson.loads(arguments)
    except ValueError:
        return False
    return True


class ToolCallReader:
    """Fragments of tool calls as servers send them, sorted into calls.

    The index tells calls apart, where it is given and right. Where every call has index 0, or none has one, a new id or
    name begins a call; a repeated one does not; whatever has neither continues the latest.
    """

    __slots__ = ("_by_id", "_by_index", "calls")

    def __init__(self) -> None:
        self.calls: list[OpenCall] = []
        self._by_index: dict[int, OpenCall] = {}
        self._by_id: dict[str, OpenCall] = {}

    def read(self, fragment: dict[str, Any]) -> tuple[OpenCall, str] | None:
        """Returns the call that this fragment belongs to and what it adds to its arguments; None if it says nothing."""
        function = fragment.get("function")
        if not isinstance(function, dict):
            function = fragment
        name, arguments = _text(function.get("name")), _arguments(function.get("arguments"))
        call_id, index = _text(fragment.get("id")), _index(fragment.get("index"))
        if len(name) > LONGEST_NAME or len(call_id) > LONGEST_ID:
            raise MalformedError("a tool call with a name or an id of absurd length")
        if not (name or arguments or call_id):
            return None
        call = self._find(index, call_id, name, arguments) or self._open(index)
        call.name = call.name or name
        if call_id and not call.given_id:
            call.given_id = call_id
            self._by_id.setdefault(call_id, call)
        return call, call.grow(arguments)

    def _find(self, index: int | None, call_id: str, name: str, arguments: str) -> OpenCall | None:
        current = self._by_index.get(index) if index is not None else self._latest()
        known = self._by_id.get(call_id) if call_id else None
        if current is None:
            return known if index is None else None
        if call_id and call_id == current.given_id:
            return current
        if known is not None:
            return known
        if call_id and (index is None or (name and current.given_id)):
            return None
        if name and current.name and (name != current.name or current.would_be_followed_by(arguments)):
            return None
        return current

    def _latest(self) -> OpenCall | None:
        return self.calls[-1] if self.calls else None

    def _open(self, index: int | None) -> OpenCall:
        if len(self.calls) >= MAX_CALLS:
            raise MalformedError(f"more than {MAX_CALLS} tool calls in one answer")
        call = OpenCall(len(self.calls))
        self.calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call


def _text(value: object) -> str:
    if isinstance(value, str):
        return repaired(value)
    return str(value) if isinstance(value, int) else ""


def _index(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _arguments(value: object) -> str:
    """Arguments are JSON text; some servers send the object itself."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise MalformedError("arguments that are nested too deeply") from None
