"""Browsers that are signed in: Django's sessions in the database, with whose they are."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from django.contrib.auth import SESSION_KEY, login
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends import db
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Session, User
from accounts.user_agents import browser_name

BROWSER, SEEN = "browser", "seen"
BROWSER_LENGTH = 300
SEEN_EVERY = 3600
"""Seconds."""


class SessionStore(db.SessionStore):
    """Keeps beside each session the person who is signed in with it."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        session = cast(Session, super().create_model_instance(data))
        session.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        return session


class PreferencesBackend(ModelBackend):
    """Signs in with a password. Who is signed in comes with their preferences, in one query."""

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("preferences").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None


def sign_in(request: HttpRequest, user: User) -> None:
    """A session of the person begins, or becomes another one; expired ones are forgotten."""
    login(request, user)
    _note_use(request)
    SessionStore.clear_expired()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session as its person is shown it. `id` names it without letting anybody in."""

    key: str
    user_agent: str
    seen_at: datetime | None
    is_this: bool

    @property
    def id(self) -> str:
        return hashlib.sha256(self.key.encode()).hexdigest()[:32]

    @property
    def browser(self) -> str:
        return browser_name(self.user_agent)


def sessions_of(request: HttpRequest) -> list[SignedIn]:
    """All of whoever is signed in, this one first, then by when they were used last."""
    live = Session.objects.filter(user=request.user.pk, expire_date__gt=timezone.now())
    found = [_signed_in(session, request.session.session_key) for session in live]
    return sorted(found, key=lambda one: (one.is_this, one.seen_at is not None, one.seen_at), reverse=True)


def end(ended: Iterable[SignedIn]) -> None:
    """Their connections close within a second (revocation.py)."""
    Session.objects.filter(pk__in=[one.key for one in ended]).delete()


def _signed_in(session: Session, this: str | None) -> SignedIn:
    kept = session.get_decoded()
    seen = kept.get(SEEN)
    seen_at = datetime.fromtimestamp(seen, UTC) if seen else None
    return SignedIn(session.session_key, kept.get(BROWSER, ""), seen_at, session.session_key == this)


def keep(request: HttpRequest) -> None:
    """A session that is used lasts: at most once an hour it is noted, of who is signed in."""
    if time.time() - request.session.get(SEEN, float("inf")) >= SEEN_EVERY:
        _note_use(request)


def _note_use(request: HttpRequest) -> None:
    request.session[SEEN] = int(time.time())
    request.session[BROWSER] = request.headers.get("User-Agent", "")[:BROWSER_LENGTH]
