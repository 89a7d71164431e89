"""The points of a run at which its process is killed, and the state expected afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from conversations.llm.tokens import estimate_tokens
from tests.faults.stored import LedgerEntry
from tests.modelserver import (
    Gate,
    ModelRequest,
    Part,
    Reply,
    answer,
    calls,
    hang,
    text,
    thinking,
    tool_call,
    wait_for,
)

FINAL = "Here is what you wanted"
ANSWER = answer(FINAL, thought="They want it all")


@dataclass(frozen=True, eq=False)
class Point:
    """A point at which a run is interrupted. `name` is also the question; `replies` answer the model calls in turn.

    A run is at the point when the model was called `model_calls` times, and `stored_calls` model calls,
    `stored_results` tool results and the `partial_step` (type and text, of the model call in progress) are stored.
    Then the `gate` is opened, and the run proceeds to the `failpoint`, which holds it.
    """

    name: str
    replies: Sequence[Reply]
    failpoint: str = ""
    model_calls: int = 1
    partial_step: tuple[str, str] | None = None
    gate: Gate | None = None
    stored_calls: int = 0
    stored_results: int = 0
    ledger: tuple[tuple[int, int, bool], ...] = ((2, 1, False),)
    """Attempt, iteration and whether the usage is estimated, for each model call."""
    effects: tuple[str, ...] = ()
    """The paths that tools write in all, one for each write."""
    unknown_outcomes: int = 0
    """The number of tool calls that may or may not have taken effect."""

    def __str__(self) -> str:
        return self.name

    @property
    def partial_tokens(self) -> int:
        """The estimated tokens of the discarded text."""
        return estimate_tokens(self.partial_step[1]) if self.partial_step else 0

    def is_stored(self, steps: list[tuple[str, str]], ledger: list[LedgerEntry]) -> bool:
        """Returns whether the run has come this far, given type and text of its steps, and its ledger."""
        results = sum(kind == "tool_result" for kind, _ in steps)
        return (
            results == self.stored_results
            and len(ledger) >= self.stored_calls
            and (self.partial_step is None or self.partial_step in steps)
        )


class ScriptedModel:
    """Replies to the model calls of concurrent runs by their questions. `calls` counts those of each question."""

    def __init__(self, replies: dict[str, Sequence[Reply]]) -> None:
        self.calls: Counter[str] = Counter()
        self._replies = replies

    def __call__(self, request: ModelRequest) -> Reply:
        questions = [message["content"] for message in request.body["messages"] if message["role"] == "user"]
        question = questions[-1]
        self.calls[question] += 1
        return self._replies[question][self.calls[question] - 1]


def write(path: str, index: int = 0) -> Part:
    return tool_call("write_file", {"path": path, "content": "written"}, call_id=f"call_{index}", index=index)


ARGUMENTS_GATE = Gate()
PARTIAL_ARGUMENTS = '{"path": "arguments.txt"'
RETRIED_CALL = ((1, 1, True), (2, 1, False))
KEPT_CALL = ((1, 1, False), (2, 2, False))
POINTS = (
    Point("before the first token", [[hang()], ANSWER]),
    Point(
        "in thinking",
        [[thinking("They want"), hang()], ANSWER],
        partial_step=("thinking", "They want"),
        ledger=RETRIED_CALL,
    ),
    Point("in text", [[text("Here is"), hang()], ANSWER], partial_step=("text", "Here is"), ledger=RETRIED_CALL),
    Point(
        "in a tool's arguments",
        [[tool_call("write_file", PARTIAL_ARGUMENTS), hang()], calls(write("arguments.txt")), ANSWER],
        partial_step=("tool_call", PARTIAL_ARGUMENTS),
        ledger=(*RETRIED_CALL, (2, 2, False)),
        effects=("arguments.txt",),
    ),
    Point(
        "while a reading tool runs",
        [calls(tool_call("read_file", {"path": "reading.txt"})), ANSWER],
        failpoint="read-reading.txt",
        ledger=KEPT_CALL,
    ),
    Point(
        "while a writing tool runs",
        [calls(write("early.txt")), ANSWER],
        failpoint="write-early.txt-before",
        ledger=KEPT_CALL,
        unknown_outcomes=1,
    ),
    Point(
        "when a writing tool has written",
        [calls(write("late.txt")), ANSWER],
        failpoint="write-late.txt-after",
        ledger=KEPT_CALL,
        effects=("late.txt",),
        unknown_outcomes=1,
    ),
    Point(
        "between two writing tools",
        [calls(write("one.txt"), write("two.txt", index=1)), ANSWER],
        failpoint="write-two.txt-before",
        stored_results=1,
        ledger=KEPT_CALL,
        effects=("one.txt",),
        unknown_outcomes=1,
    ),
    Point(
        "between two model calls",
        [calls(write("between.txt")), ANSWER],
        failpoint="model-call-after-tools",
        stored_results=1,
        ledger=KEPT_CALL,
        effects=("between.txt",),
    ),
)
COMMIT_POINTS = (
    Point(
        "before a model call is committed",
        [calls(write("again.txt"), wait_for(ARGUMENTS_GATE)), calls(write("again.txt")), ANSWER],
        failpoint="finish_iteration-before-commit",
        partial_step=("tool_call", '{"path": "again.txt", "content": "written"}'),
        gate=ARGUMENTS_GATE,
        ledger=(*RETRIED_CALL, (2, 2, False)),
        effects=("again.txt",),
    ),
    Point(
        "after a model call is committed",
        [calls(write("next.txt")), ANSWER],
        failpoint="finish_iteration-after-commit",
        ledger=KEPT_CALL,
        effects=("next.txt",),
    ),
    Point(
        "after the note that a tool starts",
        [calls(write("noted.txt")), ANSWER],
        failpoint="record_call_started-after-commit",
        ledger=KEPT_CALL,
        unknown_outcomes=1,
    ),
    Point(
        "before a result is committed",
        [calls(write("unsaid.txt")), ANSWER],
        failpoint="store_result-before-commit",
        ledger=KEPT_CALL,
        effects=("unsaid.txt",),
        unknown_outcomes=1,
    ),
    Point(
        "before the end is committed",
        [ANSWER],
        failpoint="end",
        stored_calls=1,
        ledger=((1, 1, False),),
    ),
    Point("after the end is committed", [ANSWER], failpoint="finish_run-after-commit", ledger=((1, 1, False),)),
)
