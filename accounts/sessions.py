"""Sessions of signed-in users: Django's sessions in the database, with the user in a column of its own."""

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

USER_AGENT_KEY, LAST_USED_KEY = "browser", "seen"
MAX_USER_AGENT_LENGTH = 300
LAST_USED_INTERVAL = 3600
"""Seconds between two updates of a session's time of last use."""


class SessionStore(db.SessionStore):
    """Stores the signed-in user in `Session.user`."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        session = cast(Session, super().create_model_instance(data))
        session.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        return session


class PreferencesBackend(ModelBackend):
    """Authenticates with a password. Loads the user of a session and their preferences in one query."""

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("preferences").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None


def sign_in(request: HttpRequest, user: User) -> None:
    """Signs the user in on the request's session, and deletes expired sessions."""
    login(request, user)
    _record_use(request)
    SessionStore.clear_expired()


@dataclass(frozen=True, slots=True)
class UserSession:
    """A session as shown to its user."""

    key: str
    user_agent: str
    last_used_at: datetime | None
    is_current: bool

    @property
    def public_id(self) -> str:
        """Identifies the session in forms. It is derived from the key, and does not authenticate anybody."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:32]

    @property
    def browser(self) -> str:
        return browser_name(self.user_agent)


def list_sessions(request: HttpRequest) -> list[UserSession]:
    """Returns the valid sessions of the request's user: the current one, then the others by last use, newest first."""
    current_key = request.session.session_key
    sessions = []
    for session in Session.objects.filter(user=request.user.pk, expire_date__gt=timezone.now()):
        data = session.get_decoded()
        last_used = data.get(LAST_USED_KEY)
        last_used_at = datetime.fromtimestamp(last_used, UTC) if last_used else None
        key = session.session_key
        sessions.append(UserSession(key, data.get(USER_AGENT_KEY, ""), last_used_at, is_current=key == current_key))
    return sorted(sessions, key=lambda s: (s.is_current, s.last_used_at is not None, s.last_used_at), reverse=True)


def end_sessions(sessions: Iterable[UserSession]) -> None:
    """Deletes the sessions. Their WebSocket connections are closed within a second."""
    Session.objects.filter(pk__in=[session.key for session in sessions]).delete()


def extend_session(request: HttpRequest) -> None:
    """Records the use of a signed-in session at most once an hour. Saving the session postpones its expiry."""
    if time.time() - request.session.get(LAST_USED_KEY, float("inf")) >= LAST_USED_INTERVAL:
        _record_use(request)


def _record_use(request: HttpRequest) -> None:
    request.session[LAST_USED_KEY] = int(time.time())
    request.session[USER_AGENT_KEY] = request.headers.get("User-Agent", "")[:MAX_USER_AGENT_LENGTH]
