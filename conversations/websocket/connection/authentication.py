"""Authenticates a WebSocket handshake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host

from accounts.models import ApiToken, User
from conversations.runner.revocation import Authentication

SUBPROTOCOL = "chatsite.v1"
BEARER = "bearer."


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a handshake carries: an API token, or a session key and the origin of the page."""

    token: str | None
    session_key: str | None
    origin: str | None

    @property
    def from_foreign_page(self) -> bool:
        """Whether a session cookie comes from a page of another site. A browser sends the cookie for any page; a token
        needs no such check."""
        return self.token is None and self.session_key is not None and not _is_own_origin(self.origin or "")


def credentials_of(scope: Mapping[str, Any]) -> Credentials:
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    offered = scope.get("subprotocols", ())
    token = _token_from_header(headers.get(b"authorization", "")) or _token_from_subprotocols(offered)
    return Credentials(token, _session_key(headers.get(b"cookie", "")), headers.get(b"origin"))


def authenticate(credentials: Credentials) -> tuple[User, Authentication] | None:
    """Returns the active user with the proof that may be revoked later, or None. Reads the database."""
    if credentials.token is not None:
        token = ApiToken.objects.find(credentials.token)
        return (token.user, Authentication(token.user_id, token.user.password, token_id=token.pk)) if token else None
    if credentials.session_key is None:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(credentials.session_key)
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    return user, Authentication(user.pk, user.password, session_key=request.session.session_key)


def _token_from_header(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _token_from_subprotocols(subprotocols: Iterable[str]) -> str | None:
    return next((name.removeprefix(BEARER) for name in subprotocols if name.startswith(BEARER)), None)


def _session_key(header: str) -> str | None:
    return parse_cookie(header).get(settings.SESSION_COOKIE_NAME) or None


def _is_own_origin(origin: str) -> bool:
    try:
        domain, _ = split_domain_port(urlsplit(origin).netloc.lower())
    except ValueError:
        return False
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
