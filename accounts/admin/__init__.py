"""The admin of users, API tokens and preferences, and base classes for the admin of all apps."""

from django.contrib import admin

from .api_token import ApiTokenAdmin
from .preferences import PreferencesAdmin
from .user import UserAdmin

__all__ = ["ApiTokenAdmin", "PreferencesAdmin", "UserAdmin"]

admin.site.site_header = "chatsite"
admin.site.site_title = "chatsite"
admin.site.index_title = "Administration"
