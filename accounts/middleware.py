"""Pages in the language and the time zone of whoever is signed in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from inspect import iscoroutinefunction
from typing import cast

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation

from accounts.models import Preferences, User
from accounts.sessions import keep


class PreferencesMiddleware:
    """Gives each request `preferences`, and applies them. Visitors keep the language that their browser asks for."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._answer_later(request)
        with applied(recognise(request)) as language:
            response = cast(HttpResponseBase, self.get_response(request))
        response.headers.setdefault("Content-Language", language)
        return response

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        with applied(await sync_to_async(recognise)(request)) as language:
            response = await cast(Awaitable[HttpResponseBase], self.get_response(request))
        response.headers.setdefault("Content-Language", language)
        return response


def recognise(request: HttpRequest) -> Preferences:
    """Those of whoever is signed in: in the query that finds the person."""
    user = request.user
    if isinstance(user, User):
        keep(request)
    preferences = Preferences.of(user) if isinstance(user, User) else Preferences()
    request.preferences = preferences  # type: ignore[attr-defined]
    return preferences


@contextmanager
def applied(preferences: Preferences) -> Iterator[str]:
    """Gives the language."""
    chosen = preferences.language
    language = chosen if chosen in dict(settings.LANGUAGES) else translation.get_language() or settings.LANGUAGE_CODE
    with translation.override(language), timezone.override(preferences.zone):
        yield language
