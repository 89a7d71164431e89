from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from accounts.admin.display import link_to, link_to_list, verbatim
from accounts.admin.lists import ReadOnlyAdmin
from conversations.models import Conversation, Message, Step


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    list_display = ("id", "conversation_link", "role", "status", "model", "token_count", "created_at")
    list_select_related = ("conversation",)
    list_filter = ("role",)
    list_defer = ("text", "rating_comment", "conversation__system_prompt", "conversation__tools")
    search_fields = ("pk", "conversation")
    search_help_text = "The id of a message or of its conversation."
    ordering = ("-created_at",)
    fields = (
        *("id", "conversation", "parent", "role", "status", "full_text", "model", "token_count"),
        *("rating", "full_rating_comment", "created_at", "steps"),
    )

    @admin.display(description="Conversation")
    def conversation_link(self, obj: Message) -> SafeString:
        return link_to(Conversation, obj.conversation_id, obj.conversation)

    @admin.display(description="Text")
    def full_text(self, obj: Message) -> SafeString:
        return verbatim(obj.text)

    @admin.display(description="Rating comment")
    def full_rating_comment(self, obj: Message) -> SafeString:
        return verbatim(obj.rating_comment)

    @admin.display(description="Steps")
    def steps(self, obj: Message) -> SafeString:
        return link_to_list(Step, "Steps of this message", message=obj.pk)
