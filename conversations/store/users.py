"""What is done for one person at a time."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiToken, User
from conversations.errors import NotFound

USE_NOTED_EVERY = timedelta(minutes=1)


def lock_user(user_id: int) -> User:
    """The person, with `preferences`. Until the transaction ends no other holds them: what it counts or finds missing
    stays so. Rows that refer to the person can be written meanwhile. Raises NotFound.
    """
    held = User.objects.select_for_update(of=("self",), no_key=True).select_related("preferences")
    person = held.filter(pk=user_id).first()
    if person is None:
        raise NotFound("user")
    return person


def record_token_use(*, token_id: int) -> None:
    """Keeps that it was used now, unless that was noted within the last minute."""
    now = timezone.now()
    unknown = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
    ApiToken.objects.filter(unknown, pk=token_id).update(last_used_at=now)
