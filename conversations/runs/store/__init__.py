"""The only writer of conversations, messages, runs, their steps, and the ledger.

Every function here is one operation of the writer thread (conversations/database.py), carried out in a transaction.
"""

from conversations.runs.store.conversations import (
    create_conversation,
    delete_conversation,
    rate_message,
    select_branch,
    update_conversation,
)
from conversations.runs.store.idempotence import RequestKey, forget_accepted_requests, once
from conversations.runs.store.people import note_use_of_token
from conversations.runs.store.progress import (
    Lease,
    LedgerEntry,
    Progress,
    RunLost,
    beat,
    begin_attempt,
    claim_runs,
    cut_iteration,
    finish_iteration,
    finish_run,
    hand_over,
    note_call_started,
    request_cancel,
    save_progress,
    save_steps,
)
from conversations.runs.store.projects import create_project, delete_project, update_project
from conversations.runs.store.questions import (
    Asked,
    EditedQuestion,
    ModelChoice,
    NewQuestion,
    Place,
    Question,
    SameQuestion,
    Terms,
    Wishes,
    ask,
)

__all__ = [
    "Asked",
    "EditedQuestion",
    "Lease",
    "LedgerEntry",
    "ModelChoice",
    "NewQuestion",
    "Place",
    "Progress",
    "Question",
    "RequestKey",
    "RunLost",
    "SameQuestion",
    "Terms",
    "Wishes",
    "ask",
    "beat",
    "begin_attempt",
    "claim_runs",
    "create_conversation",
    "create_project",
    "cut_iteration",
    "delete_conversation",
    "delete_project",
    "finish_iteration",
    "finish_run",
    "forget_accepted_requests",
    "hand_over",
    "note_call_started",
    "note_use_of_token",
    "once",
    "rate_message",
    "request_cancel",
    "save_progress",
    "save_steps",
    "select_branch",
    "update_conversation",
    "update_project",
]
