"""Applies the language and time zone of the signed-in user to each request."""

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
from accounts.sessions import extend_session


class PreferencesMiddleware:
    """Sets `request.preferences` and applies them. Without a signed-in user, the browser's language is used."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.__acall__(request)
        with override_locale(_load_preferences(request)) as language:
            response = cast(HttpResponseBase, self.get_response(request))
        response.headers.setdefault("Content-Language", language)
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        with override_locale(await sync_to_async(_load_preferences)(request)) as language:
            response = await cast(Awaitable[HttpResponseBase], self.get_response(request))
        response.headers.setdefault("Content-Language", language)
        return response


def _load_preferences(request: HttpRequest) -> Preferences:
    """Sets and returns `request.preferences`. They are loaded with the user, in the same query."""
    preferences = Preferences()
    if isinstance(request.user, User):
        extend_session(request)
        preferences = Preferences.for_user(request.user)
    request.preferences = preferences  # type: ignore[attr-defined]
    return preferences


@contextmanager
def override_locale(preferences: Preferences) -> Iterator[str]:
    """Activates the language and time zone of the preferences for the block. Yields the language code."""
    language = preferences.language
    if language not in dict(settings.LANGUAGES):
        language = translation.get_language() or settings.LANGUAGE_CODE
    with translation.override(language), timezone.override(preferences.tzinfo):
        yield language
