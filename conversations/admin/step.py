from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from accounts.admin.display import link_to, verbatim
from accounts.admin.lists import ReadOnlyAdmin
from conversations.models import Message, Step


@admin.register(Step)
class StepAdmin(ReadOnlyAdmin[Step]):
    list_display = ("id", "message_link", "index", "iteration", "type", "name", "status", "success", "size", "seconds")
    list_defer = ("content", "arguments", "html")
    search_fields = ("message",)
    search_help_text = "The id of the step's message."
    ordering = ("-id",)
    fields = (
        *("message", "index", "iteration", "type", "id_ref", "name", "status", "success", "skipped"),
        *("duration", "execution_time", "size", "full_arguments", "full_content"),
    )

    @admin.display(description="Message")
    def message_link(self, obj: Step) -> SafeString:
        return link_to(Message, obj.message_id, obj.message_id)

    @admin.display(description="Seconds")
    def seconds(self, obj: Step) -> float | None:
        return obj.duration if obj.execution_time is None else obj.execution_time

    @admin.display(description="Arguments")
    def full_arguments(self, obj: Step) -> SafeString:
        return verbatim(obj.arguments)

    @admin.display(description="Content")
    def full_content(self, obj: Step) -> SafeString:
        return verbatim(obj.content)
