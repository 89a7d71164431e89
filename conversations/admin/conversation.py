from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin.deletion import CountedDeletion
from accounts.admin.display import link_to_list, verbatim
from accounts.admin.lists import ListAdmin
from conversations import store
from conversations.models import Conversation, Message, Run, TokenUsage
from conversations.queries.branches import MAX_STEP_CHARACTERS, BadCursor, load_branch_page

from .filters import OwnerFilter

MAX_PAGE_CHARACTERS = 1_000_000
"""Characters of messages on a page, unless a single message is longer."""


@admin.register(Conversation)
class ConversationAdmin(CountedDeletion[Conversation], ListAdmin[Conversation]):
    """Lets staff read, rename, archive and delete conversations, but not change their messages."""

    list_display = ("__str__", "owner", "model", "archived", "updated_at", "read")
    list_select_related = ("owner",)
    list_filter = (OwnerFilter, "archived")
    list_defer = ("system_prompt", "tools")
    search_fields = ("pk",)
    search_text = "title"
    search_help_text = "The id of a conversation or part of its title."
    ordering = ("-updated_at",)
    actions = ("archive", "unarchive")
    fields = (
        *("id", "read", "owner", "project", "title", "pinned", "archived", "model", "full_system_prompt"),
        *("temperature", "max_tokens", "thinking_enabled", "tools", "created_at", "updated_at", "records"),
    )
    readonly_fields = tuple(name for name in fields if name not in {"title", "pinned", "archived"})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Conversation, form: Any, change: bool) -> None:
        # Only what was edited, because a live run may change other columns of this row.
        obj.save(update_fields=form.changed_data)

    def get_urls(self) -> list[URLPattern]:
        read = self.admin_site.admin_view(self.read_view)
        return [
            path("<uuid:conversation_id>/read/", read, name="conversations_conversation_read"),
            *super().get_urls(),
        ]

    def read_view(self, request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
        """Shows the newest page of the active branch, or the page before the cursor `before`."""
        conversation = get_object_or_404(Conversation.objects.select_related("owner", "project"), pk=conversation_id)
        if not self.has_view_or_change_permission(request, conversation):
            raise PermissionDenied
        before = request.GET.get("before")
        try:
            page = load_branch_page(conversation=conversation, before=before, max_characters=MAX_PAGE_CHARACTERS)
        except BadCursor as error:
            raise Http404("There is no such message in this conversation.") from error
        context = {
            **self.admin_site.each_context(request),
            "title": "Conversation",
            "subtitle": str(conversation),
            "opts": self.opts,
            "conversation": conversation,
            "page": page,
            "before": before,
            "max_step_characters": MAX_STEP_CHARACTERS,
        }
        return TemplateResponse(request, "admin/conversations/conversation/read.html", context)

    @admin.display(description="Read")
    def read(self, obj: Conversation) -> SafeString:
        return format_html('<a href="{}">Read</a>', reverse("admin:conversations_conversation_read", args=[obj.pk]))

    @admin.display(description="System prompt")
    def full_system_prompt(self, obj: Conversation) -> SafeString:
        return verbatim(obj.system_prompt)

    @admin.display(description="Records")
    def records(self, obj: Conversation) -> SafeString:
        links = [
            link_to_list(model, str(model._meta.verbose_name_plural).capitalize(), conversation=obj.pk)
            for model in (Message, Run, TokenUsage)
        ]
        return format_html_join(" · ", "{}", ((link,) for link in links))

    @admin.action(description="Archive selected conversations", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        self._set_archived(request, queryset, archived=True)

    @admin.action(description="Unarchive selected conversations", permissions=["change"])
    def unarchive(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        self._set_archived(request, queryset, archived=False)

    def _set_archived(self, request: HttpRequest, queryset: QuerySet[Conversation], *, archived: bool) -> None:
        changed = list(queryset.filter(archived=not archived))
        word = "Archived" if archived else "Unarchived"
        store.set_archived(conversation_ids=[conversation.pk for conversation in changed], archived=archived)
        for conversation in changed:
            self.log_change(request, conversation, f"{word}.")
        self.message_user(request, f"{word}: {len(changed)}.", messages.SUCCESS)
