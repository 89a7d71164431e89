"""Requests that are carried out once, however often a client sends them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.utils import timezone

from conversations.errors import InvalidParams
from conversations.models import AcceptedRequest
from conversations.store.users import lock_user

RETENTION = timedelta(hours=24)
"""How long a `request_id` is kept."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Identifies a request; `digest` is of its method and params."""

    user_id: int
    request_id: str
    digest: str


def once(
    key: RequestKey | None, operation: Callable[[], T], encode: Callable[[T], dict[str, Any]]
) -> tuple[T | None, dict[str, Any]]:
    """Carries out the operation, and stores its encoded result under the key, if there is one.

    Returns the operation's value and the result; for a key that was used within RETENTION, None and the first result.
    Raises InvalidParams if the key was used for another request.
    """
    if key is None:
        value = operation()
        return value, encode(value)
    lock_user(key.user_id)
    accepted = AcceptedRequest.objects.filter(user_id=key.user_id, request_id=key.request_id).first()
    if accepted is not None and accepted.created_at > timezone.now() - RETENTION:
        if accepted.digest != key.digest:
            raise InvalidParams({"request_id": "was already used with other params"})
        return None, accepted.result
    value = operation()
    result = encode(value)
    AcceptedRequest.objects.update_or_create(
        user_id=key.user_id,
        request_id=key.request_id,
        defaults={"digest": key.digest, "result": result, "created_at": timezone.now()},
    )
    return value, result


def delete_expired_requests() -> int:
    """Deletes the requests that are older than RETENTION. Returns how many there were."""
    deleted, _ = AcceptedRequest.objects.filter(created_at__lt=timezone.now() - RETENTION).delete()
    return deleted
