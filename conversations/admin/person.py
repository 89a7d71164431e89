from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from conversations.models import ApiToken, Conversation, Project, Run, TokenUsage

from .deletion import CountedDeletion
from .display import link_to_list

if TYPE_CHECKING:
    DjangoUserAdmin = UserAdmin[User]
else:
    DjangoUserAdmin = UserAdmin

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(CountedDeletion[User], DjangoUserAdmin):
    """Django's page of a user, with links to what is the person's here."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = ("records",)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj is None else (*fieldsets, ("chatsite", {"fields": ("records",)}))

    @admin.display(description="Records")
    def records(self, obj: User) -> SafeString:
        links = [
            link_to_list(model, str(model._meta.verbose_name_plural), username=obj.username)
            for model in (Conversation, Project, Run, TokenUsage, ApiToken)
        ]
        return format_html_join(" · ", "{}", ((link,) for link in links))
