"""A request that comes again under its `request_id` gets the first result, and nothing happens twice."""

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
from tests.data.rows import a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> RequestKey:
    return RequestKey(a_user().pk, "the client's id", "digest of the params")


def make_project(key: RequestKey | None) -> tuple[Project | None, dict[str, Any]]:
    return store.once(
        key=key,
        operation=lambda: store.create_project(user_id=a_user().pk, name="Garden"),
        encode=lambda project: {"id": str(project.pk)},
    )


def test_the_second_time_nothing_happens_and_the_first_result_is_told(key: RequestKey) -> None:
    project, result = make_project(key)
    assert project is not None
    assert make_project(key) == (None, result)
    assert result == {"id": str(Project.objects.get().pk)}


def test_without_a_key_each_request_is_a_new_one() -> None:
    make_project(None)
    make_project(None)
    assert Project.objects.count() == 2
    assert AcceptedRequest.objects.count() == 0


def test_the_same_key_with_other_params_is_refused(key: RequestKey) -> None:
    make_project(key)
    with pytest.raises(InvalidParams) as refused:
        make_project(replace(key, digest="of others"))
    assert "request_id" in refused.value.errors
    assert Project.objects.count() == 1


def test_two_people_may_use_the_same_key(key: RequestKey) -> None:
    make_project(key)
    project, _ = make_project(replace(key, user_id=a_user("eve").pk))
    assert project is not None


def test_what_was_refused_may_be_tried_again(key: RequestKey) -> None:
    def refuse() -> Project:
        raise NotFound("project")

    with pytest.raises(NotFound):
        store.once(key=key, operation=refuse, encode=lambda _: {})
    project, _ = make_project(key)
    assert project is not None


def test_after_a_day_a_key_is_forgotten_and_may_be_used_anew(key: RequestKey) -> None:
    make_project(key)
    make_project(replace(key, request_id="young"))
    AcceptedRequest.objects.filter(request_id=key.request_id).update(created_at=timezone.now() - timedelta(hours=25))
    project, _ = make_project(replace(key, digest="of others"))
    assert project is not None
    AcceptedRequest.objects.filter(request_id=key.request_id).update(created_at=timezone.now() - timedelta(hours=25))
    assert store.delete_expired_requests() == 1
    assert AcceptedRequest.objects.get().request_id == "young"
