from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path

from accounts.views.sign_in import sign_in_to_admin


def favicon(request: HttpRequest) -> HttpResponse:
    """Redirects to the icon. Browsers request this URL for pages without an icon, such as those of the admin."""
    return redirect(static("conversations/favicon.svg"))


handler500 = "conversations.web.views.errors.server_error"
urlpatterns = [
    path("admin/login/", sign_in_to_admin),
    path("admin/", admin.site.urls),
    path("favicon.ico", favicon),
    path("", include("accounts.urls")),
    path("", include("conversations.urls")),
]
