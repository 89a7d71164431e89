"""A request that is repeated with the same `request_id` gets the first result, and is carried out once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from conversations import store
from conversations.errors import InvalidParams, NotFound
from conversations.models import AcceptedRequest, Project
from conversations.store import RequestKey
from tests.data.rows import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> RequestKey:
    return RequestKey(make_user().pk, "the client's id", "digest of the params")


def make_project(key: RequestKey | None) -> tuple[Project | None, dict[str, Any]]:
    return store.once(
        key=key,
        operation=lambda: store.create_project(user_id=make_user().pk, name="Garden"),
        encode=lambda project: {"id": str(project.pk)},
    )


def test_a_repeated_request_returns_the_first_result(key: RequestKey) -> None:
    project, result = make_project(key)
    assert project is not None
    assert make_project(key) == (None, result)
    assert result == {"id": str(Project.objects.get().pk)}


def test_requests_without_a_key_are_independent() -> None:
    make_project(None)
    make_project(None)
    assert Project.objects.count() == 2
    assert AcceptedRequest.objects.count() == 0


def test_the_same_key_with_other_params_is_refused(key: RequestKey) -> None:
    make_project(key)
    with pytest.raises(InvalidParams) as refused:
        make_project(replace(key, digest="digest of other params"))
    assert "request_id" in refused.value.errors
    assert Project.objects.count() == 1


def test_two_users_may_use_the_same_key(key: RequestKey) -> None:
    make_project(key)
    project, _ = make_project(replace(key, user_id=make_user("eve").pk))
    assert project is not None


def test_a_refused_request_may_be_retried(key: RequestKey) -> None:
    def refuse() -> Project:
        raise NotFound("project")

    with pytest.raises(NotFound):
        store.once(key=key, operation=refuse, encode=lambda _: {})
    project, _ = make_project(key)
    assert project is not None


def test_a_key_expires_after_a_day_and_may_be_reused(key: RequestKey) -> None:
    make_project(key)
    make_project(replace(key, request_id="recent"))
    AcceptedRequest.objects.filter(request_id=key.request_id).update(created_at=timezone.now() - timedelta(hours=25))
    project, _ = make_project(replace(key, digest="digest of other params"))
    assert project is not None
    AcceptedRequest.objects.filter(request_id=key.request_id).update(created_at=timezone.now() - timedelta(hours=25))
    assert store.delete_expired_requests() == 1
    assert AcceptedRequest.objects.get().request_id == "recent"
