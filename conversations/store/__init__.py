"""The only writer of conversations, messages, runs, their steps, and the ledger.

Every function here is one operation of the writer thread (conversations/database.py), carried out in a transaction.
"""

from conversations.store.conversations import (
    create_conversation,
    delete_conversation,
    rate_message,
    select_branch,
    set_archived,
    update_conversation,
)
from conversations.store.idempotency import RequestKey, delete_expired_requests, once
from conversations.store.progress import (
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
    record_call_started,
    request_cancel,
    save_progress,
    save_steps,
)
from conversations.store.projects import create_project, delete_project, update_project
from conversations.store.questions import (
    Asked,
    EditedQuestion,
    NewQuestion,
    Place,
    Question,
    RepeatedQuestion,
    RunOptions,
    RunPolicy,
    ask,
)
from conversations.store.steps import store_html
from conversations.store.users import record_token_use

__all__ = [
    "Asked",
    "EditedQuestion",
    "Lease",
    "LedgerEntry",
    "NewQuestion",
    "Place",
    "Progress",
    "Question",
    "RepeatedQuestion",
    "RequestKey",
    "RunLost",
    "RunOptions",
    "RunPolicy",
    "ask",
    "beat",
    "begin_attempt",
    "claim_runs",
    "create_conversation",
    "create_project",
    "cut_iteration",
    "delete_conversation",
    "delete_expired_requests",
    "delete_project",
    "finish_iteration",
    "finish_run",
    "hand_over",
    "once",
    "rate_message",
    "record_call_started",
    "record_token_use",
    "request_cancel",
    "save_progress",
    "save_steps",
    "select_branch",
    "set_archived",
    "store_html",
    "update_conversation",
    "update_project",
]
