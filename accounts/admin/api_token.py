from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from accounts.admin.filters import UserFilter
from accounts.admin.lists import ListAdmin
from accounts.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(ListAdmin[ApiToken]):
    """Issues and revokes tokens. A token's text is shown once, right after it is issued."""

    list_display = ("__str__", "user", "scope", "created_at", "revoked_at")
    list_select_related = ("user",)
    list_filter = (UserFilter, ("revoked_at", admin.EmptyFieldListFilter))
    search_text = "name"
    search_fields = ("name",)
    search_help_text = "Part of a token's name."
    ordering = ("-id",)
    actions = ("revoke",)
    autocomplete_fields = ("user",)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        return ("user", "name", "scope") if obj is None else ("user", "name", "scope", "created_at", "revoked_at")

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return super().has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        token, text = ApiToken.objects.issue(user_id=obj.user_id, name=obj.name, scope=obj.scope)
        obj.pk = token.pk
        message = format_html("The token, which is shown only once: <code>{}</code>", text)
        self.message_user(request, message, messages.WARNING)

    @admin.action(description="Revoke selected API tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        valid = list(queryset.filter(revoked_at=None))
        ApiToken.objects.filter(pk__in=[token.pk for token in valid], revoked_at=None).update(revoked_at=timezone.now())
        for token in valid:
            self.log_change(request, token, "Revoked.")
        self.message_user(request, f"Tokens revoked: {len(valid)}.", messages.SUCCESS)
