"""Closes connections soon after their session or token has ended."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import ApiToken, Session, User
from conversations.db.readers import Readers

INTERVAL = 0.5
"""Seconds between two checks of the database, which also show what has ended through other processes."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """What a connection was accepted with: a token, or a session and the stored hash of the password at that time."""

    user_id: int
    password: str
    token_id: int | None = None
    session_key: str | None = None


class RevocationWatch:
    """The authentications of this process's connections. `close` closes a connection whose own has ended."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._open: dict[Callable[[], None], Authentication] = {}

    def add(self, authentication: Authentication, close: Callable[[], None]) -> None:
        self._open[close] = authentication

    def remove(self, close: Callable[[], None]) -> None:
        self._open.pop(close, None)

    async def check(self) -> None:
        """Makes at most three queries for all connections, none if there are no connections."""
        if not self._open:
            return
        revoked = await self._readers.run(revoked_authentications, set(self._open.values()))
        for close, authentication in list(self._open.items()):
            if authentication in revoked:
                close()


def revoked_authentications(authentications: Collection[Authentication]) -> set[Authentication]:
    """Returns those whose token was revoked, whose session is over, or whose user was deleted, was deactivated or has
    changed the password."""
    token_ids = {a.token_id for a in authentications if a.token_id is not None}
    session_keys = {a.session_key for a in authentications if a.session_key is not None}
    users = User.objects.filter(pk__in={a.user_id for a in authentications}, is_active=True)
    passwords = dict(users.values_list("pk", "password"))
    tokens = set(ApiToken.objects.filter(pk__in=token_ids, revoked_at=None).values_list("pk", flat=True))
    current = Session.objects.filter(session_key__in=session_keys, expire_date__gt=timezone.now())
    sessions = set(current.values_list("session_key", flat=True))

    def is_valid(authentication: Authentication) -> bool:
        if authentication.token_id is not None:
            return authentication.user_id in passwords and authentication.token_id in tokens
        return (
            passwords.get(authentication.user_id) == authentication.password and authentication.session_key in sessions
        )

    return {authentication for authentication in authentications if not is_valid(authentication)}
