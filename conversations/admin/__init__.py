"""The administrators' pages: people, their conversations to read, the ledger, API tokens."""

from django.contrib import admin

from .api_token import ApiTokenAdmin
from .conversation import ConversationAdmin
from .message import MessageAdmin
from .person import PersonAdmin
from .preferences import PreferencesAdmin
from .project import ProjectAdmin
from .run import RunAdmin
from .step import StepAdmin
from .token_usage import TokenUsageAdmin

__all__ = [
    "ApiTokenAdmin",
    "ConversationAdmin",
    "MessageAdmin",
    "PersonAdmin",
    "PreferencesAdmin",
    "ProjectAdmin",
    "RunAdmin",
    "StepAdmin",
    "TokenUsageAdmin",
]

admin.site.site_header = "chatsite"
admin.site.site_title = "chatsite"
admin.site.index_title = "Administration"
