from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.admin import site
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ApiToken, Preferences, User
from conversations.models import Conversation, Message, Project, Run, Step, TokenUsage

MODELS: list[type[Model]] = [User, Project, Conversation, Message, Step, Run, TokenUsage, ApiToken, Preferences]
MAX_QUERIES = 30

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


def list_url(model: type[Model], **parameters: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=parameters)


def page_url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def count_queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_the_index_page_has_the_product_name_and_lists_every_model(root: Client) -> None:
    page = root.get(reverse("admin:index")).content.decode()
    assert '<a href="/admin/">chatsite</a>' in page
    for model in MODELS:
        assert list_url(model) in page


@every_model
def test_the_number_of_list_queries_does_not_grow_with_the_rows(
    root: Client, one_of_each: Callable[..., Run], model: type[Model]
) -> None:
    one_of_each()
    few = count_queries(root, list_url(model))
    for _ in range(12):
        one_of_each()
    assert count_queries(root, list_url(model)) == few <= MAX_QUERIES


@every_model
def test_the_change_page_of_every_model_opens(
    root: Client, one_of_each: Callable[..., Run], model: type[Model]
) -> None:
    one_of_each()
    row = model._default_manager.all()[0]
    assert count_queries(root, page_url(row)) <= MAX_QUERIES


@every_model
def test_an_unknown_row_redirects_to_the_index_page(root: Client, model: type[Model]) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=["nothing-like-it"])
    assert root.get(url).headers["Location"] == reverse("admin:index")


@every_model
def test_a_list_does_not_load_message_texts(root: Client, one_of_each: Callable[..., Run], model: type[Model]) -> None:
    one_of_each()
    with CaptureQueriesContext(connection) as queries:
        root.get(list_url(model))
    bodies = ("text", "content", "arguments", "html", "system_prompt", "instructions", "tools", "rating_comment")
    for query in queries:
        assert not [name for name in bodies if f'."{name}"' in query["sql"]]


@pytest.mark.parametrize("model", [model for model in MODELS if model is not User], ids=lambda model: model.__name__)
def test_a_list_counts_no_more_rows_than_it_can_show(
    root: Client, one_of_each: Callable[..., Run], model: type[Model]
) -> None:
    one_of_each()
    with CaptureQueriesContext(connection) as queries:
        root.get(list_url(model))
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT 10001" in sql for sql in counts)


@every_model
def test_the_add_page_opens_only_where_rows_may_be_added(root: Client, model: type[Model]) -> None:
    response = root.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add"))
    assert response.status_code == (200 if model in {User, ApiToken} else 403)


@every_model
def test_users_who_are_not_staff_are_redirected_to_sign_in(
    client: Client, one_of_each: Callable[..., Run], model: type[Model]
) -> None:
    run = one_of_each()
    row = model._default_manager.all()[0]
    client.force_login(run.user)
    for url in (list_url(model), page_url(row)):
        assert client.get(url).headers["Location"].startswith(reverse("admin:login"))


@every_model
def test_staff_without_permissions_are_refused(
    client: Client, one_of_each: Callable[..., Run], model: type[Model]
) -> None:
    one_of_each()
    row = model._default_manager.all()[0]
    client.force_login(User.objects.create(username="clerk", is_staff=True))
    for url in (list_url(model), page_url(row)):
        assert client.get(url).status_code == 403


@every_model
def test_pages_have_no_inline_script_or_style(
    root: Client, one_of_each: Callable[..., Run], model: type[Model]
) -> None:
    one_of_each()
    row = model._default_manager.all()[0]
    for url in (list_url(model), page_url(row)):
        page = root.get(url).content.decode()
        assert "<style" not in page
        assert " style=" not in page
        assert " onclick=" not in page
        assert page.count("<script") == page.count("<script src=") + page.count('<script id="django-admin-')


def test_every_conversations_model_except_accepted_requests_has_a_page() -> None:
    shown = {model.__name__ for model in site._registry if model._meta.app_label in ("accounts", "conversations")}
    assert shown == {model.__name__ for model in MODELS}
