from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from accounts.admin.display import link_to, link_to_list
from accounts.admin.filters import UserFilter
from accounts.admin.lists import ReadOnlyAdmin
from conversations.models import Conversation, Run, TokenUsage

from .filters import ErrorCodeFilter, LiveFilter


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin[Run]):
    list_display = (
        *("id", "user", "conversation_link", "model", "status", "error_code", "iteration"),
        *("prompt_tokens", "completion_tokens", "seconds", "started_at"),
    )
    list_select_related = ("user", "conversation")
    list_filter = (LiveFilter, "status", UserFilter, ErrorCodeFilter)
    list_defer = ("tools", "tool_choice", "error_content", "conversation__system_prompt", "conversation__tools")
    search_fields = ("pk", "conversation", "message")
    search_help_text = "The id of a run, of its conversation or of its answer."
    ordering = ("-started_at",)
    fields = (
        *("id", "user", "conversation", "user_message", "message", "project", "model", "tools", "tool_choice"),
        *("tools_enabled", "thinking_enabled", "temperature", "max_tokens", "status", "iteration"),
        *("cancel_requested", "owner", "attempt", "crashes", "beat", "finish_reason", "error_code"),
        *("error_content", "error_retryable", "error_retry_after", "prompt_tokens", "completion_tokens"),
        *("suggested_title", "started_at", "ended_at", "seconds", "usage"),
    )

    @admin.display(description="Conversation")
    def conversation_link(self, obj: Run) -> SafeString:
        return link_to(Conversation, obj.conversation_id, obj.conversation)

    @admin.display(description="Seconds")
    def seconds(self, obj: Run) -> float | None:
        return round((obj.ended_at - obj.started_at).total_seconds(), 1) if obj.ended_at else None

    @admin.display(description="Token usage")
    def usage(self, obj: Run) -> SafeString:
        return link_to_list(TokenUsage, "Model calls of this run", run=obj.pk)
