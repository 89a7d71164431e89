"""Open connections, each let in by a session or a token: closed soon after that ends."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import ApiToken, Session, User
from conversations.db.readers import Readers

INTERVAL = 0.5
"""Seconds between two looks at what ended meanwhile, in whichever process."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """By what a person was let in: a token or a session, and the password that was theirs then (as it is stored)."""

    user_id: int
    password: str
    token_id: int | None = None
    session_key: str | None = None


class RevocationWatch:
    """Of this process. `close` of a connection is called once its authentication has ended."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._open: dict[Callable[[], None], Authentication] = {}

    def add(self, authentication: Authentication, close: Callable[[], None]) -> None:
        self._open[close] = authentication

    def remove(self, close: Callable[[], None]) -> None:
        self._open.pop(close, None)

    async def check(self) -> None:
        """Three queries for all connections, none without any."""
        if not self._open:
            return
        ended = await self._readers.run(revoked_authentications, set(self._open.values()))
        for close, authentication in list(self._open.items()):
            if authentication in ended:
                close()


def revoked_authentications(revocation: Collection[Authentication]) -> set[Authentication]:
    """Those whose token was revoked, whose session is over, or whose user is gone, blocked or has another password."""
    token_ids = {a.token_id for a in revocation if a.token_id is not None}
    session_keys = {a.session_key for a in revocation if a.session_key is not None}
    users = User.objects.filter(pk__in={a.user_id for a in revocation}, is_active=True)
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

    return {authentication for authentication in revocation if not holds(authentication)}
