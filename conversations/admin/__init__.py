"""The admin of projects, conversations and their contents, runs and token usage."""

from .conversation import ConversationAdmin
from .message import MessageAdmin
from .project import ProjectAdmin
from .run import RunAdmin
from .step import StepAdmin
from .token_usage import TokenUsageAdmin

__all__ = [
    "ConversationAdmin",
    "MessageAdmin",
    "ProjectAdmin",
    "RunAdmin",
    "StepAdmin",
    "TokenUsageAdmin",
]
