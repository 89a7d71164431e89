"""The only code that writes projects, conversations, messages, runs, their steps and token usage.

Every function is one operation of the writer thread (conversations/db/writer.py) and runs in a transaction.
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
    begin_attempt,
    claim_runs,
    cut_iteration,
    finish_iteration,
    finish_run,
    hand_over,
    record_call_started,
    record_heartbeat,
    request_cancel,
    save_progress,
)
from conversations.store.projects import create_project, delete_project, update_project
from conversations.store.questions import (
    EditedQuestion,
    NewQuestion,
    Place,
    Question,
    RepeatedQuestion,
    RunOptions,
    RunPolicy,
    StoredQuestion,
    ask,
    ask_once,
)
from conversations.store.steps import store_html
from conversations.store.users import record_token_use

__all__ = [
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
    "StoredQuestion",
    "ask",
    "ask_once",
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
    "record_heartbeat",
    "record_token_use",
    "request_cancel",
    "save_progress",
    "select_branch",
    "set_archived",
    "store_html",
    "update_conversation",
    "update_project",
]
