from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.admin import lists
from accounts.models import ApiToken, User
from conversations.models import Conversation, Project, Run, TokenUsage


def listed(client: Client, model: str, /, **parameters: Any) -> list[Any]:
    """The keys of the rows in a list, as it is narrowed by its parameters."""
    response = client.get(reverse(f"admin:conversations_{model}_changelist"), parameters)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def spend(*, user: User | None = None, model: str = "m", day: str = "2026-05-05", tokens: int = 1) -> TokenUsage:
    when = datetime.fromisoformat(f"{day}T23:30:00").replace(tzinfo=UTC)
    return TokenUsage.objects.create(
        user=user, model=model, iteration=1, prompt_tokens=tokens, completion_tokens=2 * tokens, created_at=when
    )


def test_usage_is_filtered_by_person_model_and_day(root: Client, ada: User) -> None:
    bob = User.objects.create(username="bob")
    wanted = spend(user=ada, model="small", day="2026-05-05")
    spend(user=bob, model="small", day="2026-05-05")
    spend(user=ada, model="large", day="2026-05-05")
    spend(user=ada, model="small", day="2026-05-06")
    assert listed(root, "tokenusage", username="ada", model="small", day="2026-05-05") == [wanted.pk]
    assert len(listed(root, "tokenusage", username="ada")) == 3
    assert len(listed(root, "tokenusage", model="small")) == 3
    assert len(listed(root, "tokenusage", day="2026-05-05")) == 3


def test_usage_is_summed_over_what_the_filters_leave(root: Client, ada: User) -> None:
    for tokens in (100, 20, 3):
        spend(user=ada, tokens=tokens)
    spend(tokens=1000)
    page = root.get(reverse("admin:conversations_tokenusage_changelist"), {"username": "ada"}).content.decode()
    assert "In all: 123 prompt tokens, 0 of them cached; 246 completion tokens" in re.sub(r"\s+", " ", page)


def test_the_ledger_stays_readable_when_what_it_was_for_is_gone(root: Client, exchange: Callable[..., Run]) -> None:
    run = exchange()
    User.objects.get(pk=run.user_id).delete()
    usage = TokenUsage.objects.get()
    assert listed(root, "tokenusage") == [usage.pk]
    assert root.get(reverse("admin:conversations_tokenusage_change", args=[usage.pk])).status_code == 200


def test_a_list_longer_than_what_it_counts_says_so_and_sums_only_that(
    root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_ROWS", 60)
    monkeypatch.setattr("conversations.admin.token_usage.MAX_ROWS", 60)
    for _ in range(61):
        spend()
    response = root.get(reverse("admin:conversations_tokenusage_changelist"), {"p": "2"})
    page = re.sub(r"\s+", " ", response.content.decode())
    assert "more than 60 token usage" in page
    assert "Of the newest 60: 60 prompt tokens" in page
    assert len(response.context["cl"].result_list) == 10


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"username": "nobody"}, "There is no user “nobody”."),
        ({"day": "yesterday"}, "“yesterday” is not a day such as 2026-01-31."),
        ({"day": "9999-12-31"}, "“9999-12-31” is not a day such as 2026-01-31."),
        ({"q": "pancakes"}, "“pancakes” is not an id. The id of a run or of a conversation."),
    ],
)
def test_a_value_that_cannot_be_looked_for_is_told(root: Client, parameters: dict[str, str], complaint: str) -> None:
    spend()
    assert listed(root, "tokenusage", **parameters) == []
    page = root.get(reverse("admin:conversations_tokenusage_changelist"), parameters).content.decode()
    assert complaint in unescape(page)


def test_a_filter_left_empty_filters_nothing(root: Client) -> None:
    usage = spend()
    assert listed(root, "tokenusage", username="", model="", day="") == [usage.pk]


def test_a_filter_that_is_typed_keeps_the_others(root: Client, ada: User) -> None:
    spend(user=ada)
    page = root.get(reverse("admin:conversations_tokenusage_changelist"), {"username": "ada"}).content.decode()
    form = page[page.index("By model") :]
    assert '<input type="hidden" name="username" value="ada">' in form[: form.index("</form>")]


@pytest.mark.parametrize("model", ["message", "run", "tokenusage", "conversation"])
def test_the_id_of_a_conversation_finds_what_is_in_it(root: Client, exchange: Callable[..., Run], model: str) -> None:
    wanted, _ = exchange(), exchange()
    found = listed(root, model, q=f" {wanted.conversation_id} ")
    assert len(found) == (2 if model == "message" else 1)


def test_the_id_of_a_message_finds_its_steps(root: Client, exchange: Callable[..., Run]) -> None:
    wanted, _ = exchange(), exchange()
    assert len(listed(root, "step", q=str(wanted.message_id))) == 4
    assert len(listed(root, "step", q=str(wanted.message_id), type__exact="tool_call")) == 1


def test_conversations_are_found_by_title_and_person(root: Client, exchange: Callable[..., Run]) -> None:
    wanted, _ = exchange(words="Pancakes for two"), exchange(words="Taxes")
    assert listed(root, "conversation", q="pancake") == [wanted.conversation_id]
    assert len(listed(root, "conversation", username="ada")) == 2
    Conversation.objects.filter(pk=wanted.conversation_id).update(archived=True)
    assert listed(root, "conversation", archived__exact="1") == [wanted.conversation_id]


def test_runs_are_found_by_whether_they_live_their_status_and_their_error(
    root: Client, exchange: Callable[..., Run]
) -> None:
    live, failed = exchange(), exchange(words="timeout")
    Run.objects.filter(pk=live.pk).update(status=Run.Status.RUNNING, error_code="")
    assert listed(root, "run", live="yes") == [live.pk]
    assert listed(root, "run", live="no") == [failed.pk]
    assert listed(root, "run", status__exact="failed") == [failed.pk]
    assert listed(root, "run", error="timeout") == [failed.pk]
    assert listed(root, "run", error="refused") == []


def test_the_page_of_a_user_leads_to_what_is_the_users(root: Client, exchange: Callable[..., Run]) -> None:
    ada = exchange().user
    page = root.get(reverse("admin:accounts_user_change", args=[ada.pk])).content.decode()
    for model in (Conversation, Project, Run, TokenUsage, ApiToken):
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query={"username": "ada"})
        assert f'href="{url}"' in page
        assert root.get(url).status_code == 200
