from .accepted_request import AcceptedRequest
from .committed_group import CommittedGroup
from .conversation import Conversation
from .message import Message
from .project import Project
from .run import Run
from .step import Step
from .token_usage import TokenUsage

__all__ = [
    "AcceptedRequest",
    "CommittedGroup",
    "Conversation",
    "Message",
    "Project",
    "Run",
    "Step",
    "TokenUsage",
]
