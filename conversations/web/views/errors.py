"""The page for server errors."""

from __future__ import annotations

from types import SimpleNamespace

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def server_error(request: HttpRequest) -> HttpResponse:
    """Renders 500.html in the person's theme, if the middleware has already loaded it.

    Loads nothing itself, because whatever it would need may be broken.
    """
    request_for_template = SimpleNamespace(preferences=getattr(request, "preferences", None))
    return HttpResponse(render_to_string("500.html", {"request": request_for_template}), status=500)
