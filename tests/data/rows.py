"""Creates the rows of conversations and runs without a model."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Literal

from django.db import transaction

from accounts.models import User
from conversations import store
from conversations.llm.types import Usage
from conversations.models import Conversation, Message, Run, Step
from conversations.providers.catalog import AvailableModels
from conversations.runs.checkpoint import Checkpoint
from conversations.runs.live import Outcome
from conversations.store import Lease, LedgerEntry, NewQuestion, Question, RunOptions, RunPolicy, StoredQuestion
from tests.modelserver import MODEL

MODELS = AvailableModels({"small", "large", MODEL}, "small")
OWNER = "this process"


def make_user(username: str = "ada") -> User:
    """Returns the user with this name, created if need be."""
    return User.objects.get_or_create(username=username)[0]


def add_user(name: str) -> str:
    """Creates a user. Raises IntegrityError if the name is taken."""
    User.objects.create(username=name)
    return name


async def usernames() -> list[str]:
    """Returns the names of all users, in the order of their creation."""
    return [name async for name in User.objects.order_by("pk").values_list("username", flat=True)]


def make_conversation(owner: User | None = None, **fields: Any) -> Conversation:
    return Conversation.objects.create(owner=owner or make_user(), **fields)


def thinking_step(content: str, iteration: int = 1) -> Step:
    return Step(type="thinking", content=content, size=len(content), iteration=iteration, duration=0.5)


def text_step(content: str, iteration: int = 1) -> Step:
    return Step(type="text", content=content, size=len(content), iteration=iteration)


def tool_call_step(call_id: str, name: str = "act", arguments: str = "{}", iteration: int = 1) -> Step:
    content = {"arguments": arguments, "size": len(arguments)}
    return Step(type="tool_call", id_ref=call_id, name=name, status="finished", iteration=iteration, **content)


def tool_result_step(call_id: str, content: str = '{"success": true, "result": 1}', iteration: int = 1) -> Step:
    fields = {"content": content, "size": len(content), "success": True}
    return Step(type="tool_result", id_ref=call_id, name="act", iteration=iteration, **fields)


class ConversationBuilder:
    """Adds messages at the end of a conversation's active branch."""

    def __init__(self, conversation: Conversation | None = None) -> None:
        self.conversation = conversation or make_conversation()
        self.leaf = self.conversation.leaf

    def add_question(self, question: str = "A question") -> Message:
        return self._add(Message.Role.USER, text=question)

    def add_answer(self, *steps: Step, status: str = "complete") -> Message:
        message = self._add(Message.Role.ASSISTANT, status=status)
        for index, step in enumerate(steps):
            step.message, step.index = message, index
        Step.objects.bulk_create(steps)
        return message

    def add_exchange(self, question: str, *steps: Step) -> None:
        self.add_question(question)
        self.add_answer(*steps)

    def add_exchanges(self, count: int, words: str = "word") -> None:
        """Adds many exchanges in few queries. Each answer is a text step of these words."""
        messages: list[Message] = []
        for number in range(count):
            for role in Message.Role.values:
                messages.append(Message(conversation=self.conversation, role=role, parent=self.leaf))
                self.leaf = messages[-1]
            messages[-2].text = f"{number} {words}"
        Message.objects.bulk_create(messages)
        steps = [
            Step(message=m, index=0, type="text", content=words, size=len(words), iteration=1) for m in messages[1::2]
        ]
        Step.objects.bulk_create(steps)
        self._save_leaf()

    def unsaved_run(self) -> Run:
        """Returns a run that answers the last message, without a row of its own."""
        return Run(conversation=self.conversation, user_message=self.leaf, project=self.conversation.project)

    def _add(self, role: str, **fields: Any) -> Message:
        self.leaf = Message.objects.create(conversation=self.conversation, role=role, parent=self.leaf, **fields)
        self._save_leaf()
        return self.leaf

    def _save_leaf(self) -> None:
        self.conversation.leaf = self.leaf
        self.conversation.save(update_fields=["leaf"])


def run_policy(owner: str = OWNER, max_runs: int = 10_000) -> RunPolicy:
    return RunPolicy(owner=owner, models=MODELS, max_runs=max_runs)


def store_question(
    question: Question | str = "A question", *, user: User | None = None, owner: str = OWNER, **options: Any
) -> StoredQuestion:
    """Stores a question with its live run, as the runner does; in a new conversation unless the question names one."""
    if isinstance(question, str):
        question = NewQuestion(question)
    with transaction.atomic():
        return store.ask(
            question=question, options=RunOptions((user or make_user()).pk, **options), policy=run_policy(owner)
        )


def lease_of(stored: StoredQuestion) -> Lease:
    run = stored.run
    return Lease(run.pk, run.user_id, run.owner or "", run.attempt)


def save_steps(*, lease: Lease, message_id: uuid.UUID, checkpoint: Checkpoint) -> bool:
    """Stores the checkpoint of one run. Returns False if the run was deleted. Raises RunLost."""
    [saved] = store.save_progress([store.Progress(lease, message_id, checkpoint)])
    if isinstance(saved, Exception):
        raise saved
    return saved


def finish_run(stored: StoredQuestion, status: Literal["complete", "cancelled", "failed"] = "complete") -> None:
    """Ends the run with a text that is in no step."""
    store.finish_run(
        lease=lease_of(stored),
        message_id=stored.message.pk,
        checkpoint=Checkpoint(),
        outcome=Outcome(status),
        text="An answer",
    )


def ledger_entry(iteration: int = 1, prompt: int = 10, completion: int = 5) -> LedgerEntry:
    return LedgerEntry(iteration, "small", Usage(prompt, completion), first_token_ms=20, total_ms=300)


def stored_steps(message: Message) -> list[tuple[str, str]]:
    """Returns the type and the content of each step, in order; of a tool call, its arguments."""
    steps: Iterable[Step] = Step.objects.filter(message=message).order_by("index")
    return [(step.type, step.arguments or step.content) for step in steps]
