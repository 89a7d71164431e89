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
MOST_QUERIES = 30

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


def list_url(model: type[Model], **parameters: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=parameters)


def page_url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def queries_of(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_the_start_page_lists_every_model_under_the_name_of_the_product(root: Client) -> None:
    page = root.get(reverse("admin:index")).content.decode()
    assert '<a href="/admin/">chatsite</a>' in page
    for model in MODELS:
        assert list_url(model) in page


@every_model
def test_a_list_opens_with_as_many_queries_for_many_rows_as_for_few(
    root: Client, one_of_each: Callable[..., Run], model: type[Model]
) -> None:
    one_of_each()
    few = queries_of(root, list_url(model))
    for _ in range(12):
        one_of_each()
    assert queries_of(root, list_url(model)) == few <= MOST_QUERIES


@every_model
def test_a_row_opens_on_a_page_of_its_own(root: Client, one_of_each: Callable[..., Run], model: type[Model]) -> None:
    one_of_each()
    row = model._default_manager.all()[0]
    assert queries_of(root, page_url(row)) <= MOST_QUERIES


@every_model
def test_a_row_that_does_not_exist_leads_back_to_the_start_page(root: Client, model: type[Model]) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=["nothing-like-it"])
    assert root.get(url).headers["Location"] == reverse("admin:index")


@every_model
def test_a_list_reads_no_body_of_what_was_said(
    root: Client, one_of_each: Callable[..., Run], model: type[Model]
) -> None:
    one_of_each()
    with CaptureQueriesContext(connection) as queries:
        root.get(list_url(model))
    bodies = ("text", "content", "arguments", "html", "system_prompt", "instructions", "tools", "rating_comment")
    for query in queries:
        assert not [name for name in bodies if f'."{name}"' in query["sql"]]


@pytest.mark.parametrize("model", [model for model in MODELS if model is not User], ids=lambda model: model.__name__)
def test_a_list_counts_no_further_than_it_leads(
    root: Client, one_of_each: Callable[..., Run], model: type[Model]
) -> None:
    one_of_each()
    with CaptureQueriesContext(connection) as queries:
        root.get(list_url(model))
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT 10001" in sql for sql in counts)


@every_model
def test_the_page_to_add_a_row_opens_only_where_rows_may_be_added(root: Client, model: type[Model]) -> None:
    response = root.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add"))
    assert response.status_code == (200 if model in {User, ApiToken} else 403)


@every_model
def test_those_who_are_no_staff_are_sent_to_sign_in(
    client: Client, one_of_each: Callable[..., Run], model: type[Model]
) -> None:
    run = one_of_each()
    row = model._default_manager.all()[0]
    client.force_login(run.user)
    for url in (list_url(model), page_url(row)):
        assert client.get(url).headers["Location"].startswith(reverse("admin:login"))


@every_model
def test_staff_without_a_permission_are_refused(
    client: Client, one_of_each: Callable[..., Run], model: type[Model]
) -> None:
    one_of_each()
    row = model._default_manager.all()[0]
    client.force_login(User.objects.create(username="clerk", is_staff=True))
    for url in (list_url(model), page_url(row)):
        assert client.get(url).status_code == 403


@every_model
def test_pages_carry_no_script_or_style_of_their_own(
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


def test_every_model_of_conversations_but_the_accepted_requests_has_a_page() -> None:
    shown = {model.__name__ for model in site._registry if model._meta.app_label in ("accounts", "conversations")}
    assert shown == {model.__name__ for model in MODELS}
