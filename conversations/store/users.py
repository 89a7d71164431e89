"""Locks a user's row, and records the use of API tokens."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiToken, User
from conversations.errors import NotFound

TOKEN_USE_INTERVAL = timedelta(minutes=1)


def lock_user(user_id: int) -> User:
    """Returns the user, with `preferences`, locked until the transaction ends. Raises NotFound.

    What the transaction counts or finds missing then stays so, as every other one that depends on it locks the same
    row. Rows that refer to the user can be written meanwhile.
    """
    users = User.objects.select_for_update(of=("self",), no_key=True).select_related("preferences")
    user = users.filter(pk=user_id).first()
    if user is None:
        raise NotFound("user")
    return user


def record_token_use(*, token_id: int) -> None:
    """Records that the token was used now, at most once per TOKEN_USE_INTERVAL."""
    now = timezone.now()
    is_due = Q(last_used_at=None) | Q(last_used_at__lt=now - TOKEN_USE_INTERVAL)
    ApiToken.objects.filter(is_due, pk=token_id).update(last_used_at=now)
