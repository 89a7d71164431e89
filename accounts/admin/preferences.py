from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.filters import UserFilter
from accounts.admin.lists import ListAdmin
from accounts.models import Preferences


@admin.register(Preferences)
class PreferencesAdmin(ListAdmin[Preferences]):
    list_display = ("user", "theme", "language", "time_zone", "default_model")
    list_select_related = ("user",)
    list_filter = (UserFilter,)
    ordering = ("user_id",)
    fields = ("user", "theme", "language", "time_zone", "default_model")
    readonly_fields = ("user",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Preferences | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Preferences, form: Any, change: bool) -> None:
        obj.save(update_fields=form.changed_data)
