from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from accounts.admin.deletion import CountedDeletion
from accounts.admin.display import link_to_list
from accounts.admin.filters import UserFilter
from accounts.models import User

if TYPE_CHECKING:
    BaseUserAdmin = DjangoUserAdmin[User]
else:
    BaseUserAdmin = DjangoUserAdmin


@admin.register(User)
class UserAdmin(CountedDeletion[User], BaseUserAdmin):
    """Django's admin of users, with links to a user's rows in the lists that filter by username."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = ("records",)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj is None else (*fieldsets, ("chatsite", {"fields": ("records",)}))

    @admin.display(description="Records")
    def records(self, obj: User) -> SafeString:
        links = [
            link_to_list(model, capfirst(model._meta.verbose_name_plural), username=obj.username)
            for model, model_admin in self.admin_site._registry.items()
            if _is_filtered_by_user(model_admin)
        ]
        return format_html_join(" · ", "{}", ((link,) for link in links))


def _is_filtered_by_user(model_admin: ModelAdmin[Any]) -> bool:
    return any(isinstance(item, type) and issubclass(item, UserFilter) for item in model_admin.list_filter or ())
