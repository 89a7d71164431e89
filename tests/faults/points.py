"""The points of a run at which its process is killed, and what must be so afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from conversations.llm.tokens import estimate_tokens
from tests.faults.stored import Entry
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
    """`name` is also the question. `replies` answer the run's model calls in turn.

    A run is there when the model was `called` so often; when so many `committed` model calls and `results` of tools are
    stored, and `cut`: type and words of the model call under way, if it has any; then the `gate` is opened, and the run
    comes to the `place`, and stays there.
    """

    name: str
    replies: Sequence[Reply]
    place: str = ""
    called: int = 1
    cut: tuple[str, str] | None = None
    gate: Gate | None = None
    committed: int = 0
    results: int = 0
    ledger: tuple[tuple[int, int, bool], ...] = ((2, 1, False),)
    """Attempt, iteration and whether it is estimated, of each model call."""
    written: tuple[str, ...] = ()
    """The files that are written in all, each as often as it is."""
    unknown: int = 0
    """Calls of which nobody knows whether they took effect."""

    def __str__(self) -> str:
        return self.name

    @property
    def cut_tokens(self) -> int:
        """What the words cost that were thrown away."""
        return estimate_tokens(self.cut[1]) if self.cut else 0

    def is_stored(self, steps: list[tuple[str, str]], ledger: list[Entry]) -> bool:
        """Whether so much of the run is there, by type and words of its steps and by its model calls."""
        results = sum(kind == "tool_result" for kind, _ in steps)
        return results == self.results and len(ledger) >= self.committed and (self.cut is None or self.cut in steps)


class Script:
    """A model's replies to several questions at once; `asked` counts the model calls of each."""

    def __init__(self, replies: dict[str, Sequence[Reply]]) -> None:
        self.asked: Counter[str] = Counter()
        self._replies = replies

    def __call__(self, request: ModelRequest) -> Reply:
        said = [message["content"] for message in request.body["messages"] if message["role"] == "user"]
        question = said[-1]
        self.asked[question] += 1
        return self._replies[question][self.asked[question] - 1]


def write(path: str, index: int = 0) -> Part:
    return tool_call("write_file", {"path": path, "content": "written"}, call_id=f"call_{index}", index=index)


SLOW = Gate()
BEGINNING = '{"path": "arguments.txt"'
CUT = ((1, 1, True), (2, 1, False))
KEPT = ((1, 1, False), (2, 2, False))
POINTS = (
    Point("before the first token", [[hang()], ANSWER]),
    Point("in thinking", [[thinking("They want"), hang()], ANSWER], cut=("thinking", "They want"), ledger=CUT),
    Point("in text", [[text("Here is"), hang()], ANSWER], cut=("text", "Here is"), ledger=CUT),
    Point(
        "in a tool's arguments",
        [[tool_call("write_file", BEGINNING), hang()], calls(write("arguments.txt")), ANSWER],
        cut=("tool_call", BEGINNING),
        ledger=(*CUT, (2, 2, False)),
        written=("arguments.txt",),
    ),
    Point(
        "while a reading tool runs",
        [calls(tool_call("read_file", {"path": "reading.txt"})), ANSWER],
        place="read-reading.txt",
        ledger=KEPT,
    ),
    Point(
        "while a writing tool runs",
        [calls(write("early.txt")), ANSWER],
        place="write-early.txt-before",
        ledger=KEPT,
        unknown=1,
    ),
    Point(
        "when a writing tool has written",
        [calls(write("late.txt")), ANSWER],
        place="write-late.txt-after",
        ledger=KEPT,
        written=("late.txt",),
        unknown=1,
    ),
    Point(
        "between two writing tools",
        [calls(write("one.txt"), write("two.txt", index=1)), ANSWER],
        place="write-two.txt-before",
        results=1,
        ledger=KEPT,
        written=("one.txt",),
        unknown=1,
    ),
    Point(
        "between two model calls",
        [calls(write("between.txt")), ANSWER],
        place="model-call-after-tools",
        results=1,
        ledger=KEPT,
        written=("between.txt",),
    ),
)
COMMITS = (
    Point(
        "before a model call is committed",
        [calls(write("again.txt"), wait_for(SLOW)), calls(write("again.txt")), ANSWER],
        place="finish_iteration-before-commit",
        cut=("tool_call", '{"path": "again.txt", "content": "written"}'),
        gate=SLOW,
        ledger=(*CUT, (2, 2, False)),
        written=("again.txt",),
    ),
    Point(
        "after a model call is committed",
        [calls(write("next.txt")), ANSWER],
        place="finish_iteration-after-commit",
        ledger=KEPT,
        written=("next.txt",),
    ),
    Point(
        "after the note that a tool starts",
        [calls(write("noted.txt")), ANSWER],
        place="record_call_started-after-commit",
        ledger=KEPT,
        unknown=1,
    ),
    Point(
        "before a result is committed",
        [calls(write("unsaid.txt")), ANSWER],
        place="store_result-before-commit",
        ledger=KEPT,
        written=("unsaid.txt",),
        unknown=1,
    ),
    Point(
        "before the end is committed",
        [ANSWER],
        place="end",
        committed=1,
        ledger=((1, 1, False),),
    ),
    Point("after the end is committed", [ANSWER], place="finish_run-after-commit", ledger=((1, 1, False),)),
)
