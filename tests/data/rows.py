"""Conversations as rows, made without a model."""

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


def a_user(username: str = "ada") -> User:
    return User.objects.get_or_create(username=username)[0]


def a_conversation(owner: User | None = None, **fields: Any) -> Conversation:
    return Conversation.objects.create(owner=owner or a_user(), **fields)


def thinking(content: str, iteration: int = 1) -> Step:
    return Step(type="thinking", content=content, size=len(content), iteration=iteration, duration=0.5)


def text(content: str, iteration: int = 1) -> Step:
    return Step(type="text", content=content, size=len(content), iteration=iteration)


def call(call_id: str, name: str = "act", arguments: str = "{}", iteration: int = 1) -> Step:
    written = {"arguments": arguments, "size": len(arguments)}
    return Step(type="tool_call", id_ref=call_id, name=name, status="finished", iteration=iteration, **written)


def result(call_id: str, content: str = '{"success": true, "result": 1}', iteration: int = 1) -> Step:
    told = {"content": content, "size": len(content), "success": True}
    return Step(type="tool_result", id_ref=call_id, name="act", iteration=iteration, **told)


class Talk:
    """Grows a conversation at the end of its active branch."""

    def __init__(self, conversation: Conversation | None = None) -> None:
        self.conversation = conversation or a_conversation()
        self.leaf = self.conversation.leaf

    def ask(self, said: str = "A question") -> Message:
        return self._add(Message.Role.USER, text=said)

    def answer(self, *steps: Step, status: str = "complete") -> Message:
        message = self._add(Message.Role.ASSISTANT, status=status)
        for index, step in enumerate(steps):
            step.message, step.index = message, index
        Step.objects.bulk_create(steps)
        return message

    def exchange(self, said: str, *steps: Step) -> None:
        self.ask(said)
        self.answer(*steps)

    def exchanges(self, count: int, words: str = "word") -> None:
        """Many at once, each with a text as its answer."""
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
        self._keep_leaf()

    def run(self) -> Run:
        """What a run is given that answers the last message; it is no row."""
        return Run(conversation=self.conversation, user_message=self.leaf, project=self.conversation.project)

    def _add(self, role: str, **fields: Any) -> Message:
        self.leaf = Message.objects.create(conversation=self.conversation, role=role, parent=self.leaf, **fields)
        self._keep_leaf()
        return self.leaf

    def _keep_leaf(self) -> None:
        self.conversation.leaf = self.leaf
        self.conversation.save(update_fields=["leaf"])


def policy(owner: str = OWNER, max_runs: int = 100) -> RunPolicy:
    return RunPolicy(owner=owner, models=MODELS, max_runs=max_runs)


def asked(
    question: Question | str = "A question", *, user: User | None = None, owner: str = OWNER, **options: Any
) -> StoredQuestion:
    """A question as the runner stores it, with its live run; in a conversation of its own unless it says where."""
    if isinstance(question, str):
        question = NewQuestion(question)
    with transaction.atomic():
        return store.ask(question=question, options=RunOptions((user or a_user()).pk, **options), policy=policy(owner))


def lease_of(asked: StoredQuestion) -> Lease:
    run = asked.run
    return Lease(run.pk, run.user_id, run.owner or "", run.attempt)


def save_steps(*, lease: Lease, message_id: uuid.UUID, checkpoint: Checkpoint) -> bool:
    """Stores the steps of one run. Returns False if the run was deleted. Raises RunLost."""
    [saved] = store.save_progress([store.Progress(lease, message_id, checkpoint)])
    if isinstance(saved, Exception):
        raise saved
    return saved


def ended(asked: StoredQuestion, status: Literal["complete", "cancelled", "failed"] = "complete") -> None:
    """Its run ends with a text that is in no step."""
    store.finish_run(
        lease=lease_of(asked),
        message_id=asked.message.pk,
        checkpoint=Checkpoint(),
        outcome=Outcome(status),
        text="An answer",
    )


def ledger_entry(iteration: int = 1, prompt: int = 10, completion: int = 5) -> LedgerEntry:
    return LedgerEntry(iteration, "small", Usage(prompt, completion), first_token_ms=20, total_ms=300)


def stored_steps(message: Message) -> list[tuple[str, str]]:
    """Type and words of each, in order."""
    steps: Iterable[Step] = Step.objects.filter(message=message).order_by("index")
    return [(step.type, step.arguments or step.content) for step in steps]
