from .accepted_request import AcceptedRequest
from .api_token import ApiToken
from .committed_group import CommittedGroup
from .conversation import Conversation
from .message import Message
from .preferences import Preferences
from .project import Project
from .run import Run
from .session import Session
from .step import Step
from .token_usage import TokenUsage

__all__ = [
    "AcceptedRequest",
    "ApiToken",
    "CommittedGroup",
    "Conversation",
    "Message",
    "Preferences",
    "Project",
    "Run",
    "Session",
    "Step",
    "TokenUsage",
]
