"""The page for what went wrong on the server."""

from __future__ import annotations

from types import SimpleNamespace

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def server_error(request: HttpRequest) -> HttpResponse:
    """In the person's theme, if that was known before; nothing is read that may be broken."""
    known = SimpleNamespace(preferences=getattr(request, "preferences", None))
    return HttpResponse(render_to_string("500.html", {"request": known}), status=500)
