"""Turns the rows of a conversation into the messages for a model."""

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
NO_RESULT = json.dumps({"success": False, "error": "This call was not carried out."})
PAGE = 100
"""Messages that are read at a time, newest first, until the window is full."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question with its answer, which are kept or cut together. `position` counts from 0 in the branch."""

    position: int
    messages: tuple[ChatMessage, ...]

    @property
    def tokens(self) -> int:
        return sum(map(message_tokens, self.messages))


def load_history(*, run: Run, budget: int, today: date, preferences: Preferences | None = None) -> list[ChatMessage]:
    """Returns the system message and the branch that ends in the run's question, about `budget` tokens at most.

    Whole exchanges are cut at the oldest end; the last question is always kept.
    """
    system = ChatMessage("system", system_prompt(run, today, preferences or Preferences()))
    exchanges = fit(_exchanges(run.user_message, budget), budget - message_tokens(system))
    return [system, *(message for exchange in exchanges for message in exchange.messages)]


def system_prompt(run: Run, today: date, preferences: Preferences) -> str:
    """Returns the user's instructions, the conversation's prompt, the project's instructions, and the date.

    What changes least comes first, and there is no time of day, so that providers can cache the beginning.
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
    """Returns the newest exchanges that fit into `budget` tokens, oldest first.

    If it must cut, it cuts up to half more than necessary: to the exchange whose position is a multiple of the highest
    power of two. The next questions then start with the same exchange, so that the provider's prompt cache hits.
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
    """Returns the exchanges of the branch, oldest first, reading backward only as far as `budget` reaches."""
    if question.parent_id is None:
        return [Exchange(0, (ChatMessage("user", question.text),))]
    ids = Message.objects.branch_ids(leaf_id=question.pk, limit=1_000_000)
    position = {pk: (len(ids) - 1 - i) // 2 for i, pk in enumerate(ids)}
    found: list[Exchange] = []
    tokens, start = 0, 0
    while start < len(ids) and tokens <= budget:
        end = start + PAGE
        end -= end % 2 == 0  # ids start with a question: a page that also ends with one splits no exchange
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
    answer: list[ChatMessage] = []
    for pk in newest_first:
        message = messages[pk]
        if message.role == Message.Role.USER:
            found.append(Exchange(position[pk], (ChatMessage("user", message.text), *answer)))
            answer = []
        else:
            answer = answer_messages(steps[pk]) + answer
    return found[::-1]


def answer_messages(steps: Iterable[Step]) -> list[ChatMessage]:
    """Returns the messages of an answer, model call by model call.

    A tool call without a result gets one, and an answer that broke off before its text gets a text: servers require
    both.
    """
    iterations: dict[int, list[Step]] = defaultdict(list)
    for step in steps:
        iterations[step.iteration].append(step)
    messages = [message for number in sorted(iterations) for message in _iteration_messages(iterations[number])]
    if not messages or messages[-1].role == "tool":
        messages.append(ChatMessage("assistant", UNANSWERED))
    return messages


def _iteration_messages(steps: list[Step]) -> list[ChatMessage]:
    text = "".join(step.content for step in steps if step.type == Step.Type.TEXT)
    calls = [step for step in steps if step.type == Step.Type.TOOL_CALL]
    results = {step.id_ref: step.content for step in steps if step.type == Step.Type.TOOL_RESULT}
    if not text.strip() and not calls:
        return []
    function_calls = tuple(FunctionCall(c.id_ref, c.name, c.arguments) for c in calls)
    # Some servers require the thinking that came before a tool call in all later requests.
    thinking = "".join(step.content for step in steps if step.type == Step.Type.THINKING) if calls else ""
    message = ChatMessage("assistant", text, tool_calls=function_calls, thinking=thinking)
    return [message, *(ChatMessage("tool", results.get(c.id_ref, NO_RESULT), tool_call_id=c.id_ref) for c in calls)]
