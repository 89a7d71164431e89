from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.deletion import CountedDeletion
from accounts.admin.display import link_to_list
from accounts.admin.lists import ListAdmin
from conversations.models import Conversation, Project

from .filters import OwnerFilter


@admin.register(Project)
class ProjectAdmin(CountedDeletion[Project], ListAdmin[Project]):
    list_display = ("name", "owner", "created_at")
    list_select_related = ("owner",)
    list_filter = (OwnerFilter,)
    list_defer = ("instructions",)
    search_fields = ("pk",)
    search_text = "name"
    search_help_text = "The id of a project or part of its name."
    ordering = ("-created_at",)
    fields = ("id", "owner", "name", "instructions", "created_at", "conversations")
    readonly_fields = ("id", "owner", "created_at", "conversations")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        obj.save(update_fields=form.changed_data)

    @admin.display(description="Conversations")
    def conversations(self, obj: Project) -> SafeString:
        return link_to_list(Conversation, "Conversations of this project", project=obj.pk)
