"""Closes connections whose session or API token has ended."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import ApiToken, Session, User
from conversations.db.readers import Readers

INTERVAL = 0.5
"""Seconds between two checks of the database."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """How a connection was authenticated: by a token or a session, with the password hash of that time."""

    user_id: int
    password: str
    token_id: int | None = None
    session_key: str | None = None


class RevocationWatch:
    """Watches the connections of this process, and calls `close` of one whose authentication has ended."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._open: dict[Callable[[], None], Authentication] = {}

    def add(self, authentication: Authentication, close: Callable[[], None]) -> None:
        self._open[close] = authentication

    def remove(self, close: Callable[[], None]) -> None:
        self._open.pop(close, None)

    async def check(self) -> None:
        """Checks all connections with three queries; without connections, with none."""
        if not self._open:
            return
        ended = await self._readers.run(revoked_authentications, set(self._open.values()))
        for close, authentication in list(self._open.items()):
            if authentication in ended:
                close()


def revoked_authentications(authentications: Collection[Authentication]) -> set[Authentication]:
    """Returns those whose token was revoked, whose session has ended, or whose user is deleted, inactive or has a new
    password."""
    token_ids = {a.token_id for a in authentications if a.token_id is not None}
    session_keys = {a.session_key for a in authentications if a.session_key is not None}
    users = User.objects.filter(pk__in={a.user_id for a in authentications}, is_active=True)
    passwords = dict(users.values_list("pk", "password"))
    tokens = set(ApiToken.objects.filter(pk__in=token_ids, revoked_at=None).values_list("pk", flat=True))
    now = timezone.now()
    live = (
        Session.objects.filter(session_key__in=session_keys, expire_date__gt=now)
        if session_keys
        else Session.objects.none()
    )
    sessions = set(live.values_list("session_key", flat=True))

    def holds(authentication: Authentication) -> bool:
        if authentication.token_id is not None:
            return authentication.user_id in passwords and authentication.token_id in tokens
        return (
            passwords.get(authentication.user_id) == authentication.password and authentication.session_key in sessions
        )

    return {authentication for authentication in authentications if not holds(authentication)}
