"""Open connections, each let in by a session or a token: closed soon after that ends."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import ApiToken, Session, User
from conversations.database import Readers

INTERVAL = 0.5
"""Seconds between two looks at what ended meanwhile, in whichever process."""


@dataclass(frozen=True, slots=True)
class Admission:
    """By what a person was let in: a token or a session, and the password that was theirs then (as it is stored)."""

    user_id: int
    password: str
    token_id: int | None = None
    session_key: str | None = None


class Admissions:
    """Of this process. `close` of a connection is called once its admission has ended."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._open: dict[Callable[[], None], Admission] = {}

    def add(self, admission: Admission, close: Callable[[], None]) -> None:
        self._open[close] = admission

    def remove(self, close: Callable[[], None]) -> None:
        self._open.pop(close, None)

    async def check(self) -> None:
        """Three queries for all connections, none without any."""
        if not self._open:
            return
        ended = await self._readers.run(ended_admissions, set(self._open.values()))
        for close, admission in list(self._open.items()):
            if admission in ended:
                close()


def ended_admissions(admissions: Collection[Admission]) -> set[Admission]:
    """Those whose token was revoked, whose session is over, or whose user is gone, blocked or has another password."""
    token_ids = {a.token_id for a in admissions if a.token_id is not None}
    session_keys = {a.session_key for a in admissions if a.session_key is not None}
    users = User.objects.filter(pk__in={a.user_id for a in admissions}, is_active=True)
    passwords = dict(users.values_list("pk", "password"))
    tokens = set(ApiToken.objects.filter(pk__in=token_ids, revoked_at=None).values_list("pk", flat=True))
    now = timezone.now()
    live = (
        Session.objects.filter(session_key__in=session_keys, expire_date__gt=now)
        if session_keys
        else Session.objects.none()
    )
    sessions = set(live.values_list("session_key", flat=True))

    def holds(admission: Admission) -> bool:
        if admission.token_id is not None:
            return admission.user_id in passwords and admission.token_id in tokens
        return passwords.get(admission.user_id) == admission.password and admission.session_key in sessions

    return {admission for admission in admissions if not holds(admission)}
