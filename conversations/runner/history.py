"""Rows of a conversation -> the messages that a model is sent."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from accounts.models import Preferences
from conversations.llm.types import ChatMessage, FunctionCall
from conversations.llm.usage import message_tokens
from conversations.models import Message, Run, Step

UNANSWERED = "(No answer was given.)"
NOT_CARRIED_OUT = json.dumps({"success": False, "error": "This call was not carried out."})
PAGE = 100
"""Messages read at a time, newest first, until the window is full."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and all that was said in answer to it: kept or cut together. `position` counts from the first."""

    position: int
    messages: tuple[ChatMessage, ...]

    @property
    def tokens(self) -> int:
        return sum(map(message_tokens, self.messages))


def load_history(*, run: Run, budget: int, today: date, preferences: Preferences | None = None) -> list[ChatMessage]:
    """The system message, then the branch that ends in the run's question, at most about `budget` tokens in all.

    What does not fit is cut at the oldest end by whole exchanges; the last question is always there.
    """
    system = ChatMessage("system", system_prompt(run, today, preferences or Preferences()))
    exchanges = fit(_exchanges(run.user_message, budget), budget - message_tokens(system))
    return [system, *(message for exchange in exchanges for message in exchange.messages)]


def system_prompt(run: Run, today: date, preferences: Preferences) -> str:
    """What the person says to every model, the conversation's own prompt, the project's instructions, and the day.

    What changes less comes first, so that as much as can be stays the same: there is no hour, for instance.
    """
    parts = [
        _under("About the person who asks:", preferences.about),
        _under("How this person wants to be answered:", preferences.how_to_answer),
        run.conversation.system_prompt,
        run.project.instructions if run.project else "",
        f"Today is {today:%A}, {today.isoformat()}.",
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip())


def _under(heading: str, text: str) -> str:
    return f"{heading}\n{text.strip()}" if text.strip() else ""


def fit(exchanges: Sequence[Exchange], budget: int) -> Sequence[Exchange]:
    """The newest exchanges that fit into `budget` tokens, oldest first.

    When it must cut, it cuts further than it must, by up to half: to the exchange whose position is a multiple of the
    highest power of two. The next questions then find the same beginning, and a provider's prompt cache still hits;
    when the beginning moves, it moves forward.
    """
    room, start = budget, len(exchanges)
    while start > 0 and (start == len(exchanges) or exchanges[start - 1].tokens <= room):
        start -= 1
        room -= exchanges[start].tokens
    if start == 0 and (not exchanges or exchanges[0].position == 0):
        return exchanges
    middle = start + (len(exchanges) - 1 - start) // 2
    return exchanges[max(range(start, middle + 1), key=lambda i: exchanges[i].position & -exchanges[i].position) :]


def _exchanges(question: Message, budget: int) -> list[Exchange]:
    """The exchanges of the branch, oldest first, read backwards only as far as they can be of use."""
    if question.parent_id is None:
        return [Exchange(0, (ChatMessage("user", question.text),))]
    ids = Message.objects.branch_ids(leaf_id=question.pk, limit=1_000_000)
    position = {pk: (len(ids) - 1 - i) // 2 for i, pk in enumerate(ids)}
    found: list[Exchange] = []
    tokens, start = 0, 0
    while start < len(ids) and tokens <= budget:
        end = start + PAGE
        end -= end % 2 == 0  # ids begin with a question: a page that ends with one too parts no exchange
        older = _read(ids[start:end], position)
        start = end
        tokens += sum(exchange.tokens for exchange in older)
        found = [*older, *found]
    return found


def _read(newest_first: Sequence[uuid.UUID], position: dict[uuid.UUID, int]) -> list[Exchange]:
    messages = Message.objects.in_bulk(newest_first)
    steps: dict[uuid.UUID, list[Step]] = defaultdict(list)
    for step in Step.objects.filter(message__in=newest_first).order_by("index"):
        steps[step.message_id].append(step)
    found: list[Exchange] = []
    said: list[ChatMessage] = []
    for pk in newest_first:
        message = messages[pk]
        if message.role == Message.Role.USER:
            found.append(Exchange(position[pk], (ChatMessage("user", message.text), *said)))
            said = []
        else:
            said = answer_messages(steps[pk]) + said
    return found[::-1]


def answer_messages(steps: Iterable[Step]) -> list[ChatMessage]:
    """An answer as it was said, model call by model call, to its last word: a call without a result is given one, and
    an answer that broke off before its text is given a text, as servers want every question answered."""
    iterations: dict[int, list[Step]] = defaultdict(list)
    for step in steps:
        iterations[step.iteration].append(step)
    said = [message for number in sorted(iterations) for message in _iteration_messages(iterations[number])]
    if not said or said[-1].role == "tool":
        said.append(ChatMessage("assistant", UNANSWERED))
    return said


def _iteration_messages(steps: list[Step]) -> list[ChatMessage]:
    text = "".join(step.content for step in steps if step.type == Step.Type.TEXT)
    calls = [step for step in steps if step.type == Step.Type.TOOL_CALL]
    results = {step.id_ref: step.content for step in steps if step.type == Step.Type.TOOL_RESULT}
    if not text.strip() and not calls:
        return []
    function_calls = tuple(FunctionCall(c.id_ref, c.name, c.arguments) for c in calls)
    # What was thought before a call was sent back within the run, and some servers insist on it for ever after.
    thinking = "".join(step.content for step in steps if step.type == Step.Type.THINKING) if calls else ""
    said = ChatMessage("assistant", text, tool_calls=function_calls, thinking=thinking)
    return [said, *(ChatMessage("tool", results.get(c.id_ref, NOT_CARRIED_OUT), tool_call_id=c.id_ref) for c in calls)]
