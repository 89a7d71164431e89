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


def listed_keys(client: Client, model: str, /, **parameters: Any) -> list[Any]:
    """Returns the primary keys in a change list with these query parameters."""
    response = client.get(reverse(f"admin:conversations_{model}_changelist"), parameters)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def record_usage(*, user: User | None = None, model: str = "m", day: str = "2026-05-05", tokens: int = 1) -> TokenUsage:
    when = datetime.fromisoformat(f"{day}T23:30:00").replace(tzinfo=UTC)
    return TokenUsage.objects.create(
        user=user, model=model, iteration=1, prompt_tokens=tokens, completion_tokens=2 * tokens, created_at=when
    )


def test_usage_is_filtered_by_user_model_and_day(root: Client, ada: User) -> None:
    bob = User.objects.create(username="bob")
    wanted = record_usage(user=ada, model="small", day="2026-05-05")
    record_usage(user=bob, model="small", day="2026-05-05")
    record_usage(user=ada, model="large", day="2026-05-05")
    record_usage(user=ada, model="small", day="2026-05-06")
    assert listed_keys(root, "tokenusage", username="ada", model="small", day="2026-05-05") == [wanted.pk]
    assert len(listed_keys(root, "tokenusage", username="ada")) == 3
    assert len(listed_keys(root, "tokenusage", model="small")) == 3
    assert len(listed_keys(root, "tokenusage", day="2026-05-05")) == 3


def test_usage_totals_cover_the_filtered_rows(root: Client, ada: User) -> None:
    for tokens in (100, 20, 3):
        record_usage(user=ada, tokens=tokens)
    record_usage(tokens=1000)
    page = root.get(reverse("admin:conversations_tokenusage_changelist"), {"username": "ada"}).content.decode()
    assert "In all: 123 prompt tokens, 0 of them cached; 246 completion tokens" in re.sub(r"\s+", " ", page)


def test_usage_stays_readable_after_its_user_is_deleted(root: Client, exchange: Callable[..., Run]) -> None:
    run = exchange()
    User.objects.get(pk=run.user_id).delete()
    usage = TokenUsage.objects.get()
    assert listed_keys(root, "tokenusage") == [usage.pk]
    assert root.get(reverse("admin:conversations_tokenusage_change", args=[usage.pk])).status_code == 200


def test_a_list_beyond_the_count_limit_says_so_and_sums_only_the_counted_rows(
    root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_ROWS", 60)
    monkeypatch.setattr("conversations.admin.token_usage.MAX_ROWS", 60)
    for _ in range(61):
        record_usage()
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
def test_an_invalid_filter_value_shows_an_error(root: Client, parameters: dict[str, str], complaint: str) -> None:
    record_usage()
    assert listed_keys(root, "tokenusage", **parameters) == []
    page = root.get(reverse("admin:conversations_tokenusage_changelist"), parameters).content.decode()
    assert complaint in unescape(page)


def test_an_empty_filter_has_no_effect(root: Client) -> None:
    usage = record_usage()
    assert listed_keys(root, "tokenusage", username="", model="", day="") == [usage.pk]


def test_a_text_filter_keeps_the_other_filters(root: Client, ada: User) -> None:
    record_usage(user=ada)
    page = root.get(reverse("admin:conversations_tokenusage_changelist"), {"username": "ada"}).content.decode()
    form = page[page.index("By model") :]
    assert '<input type="hidden" name="username" value="ada">' in form[: form.index("</form>")]


@pytest.mark.parametrize("model", ["message", "run", "tokenusage", "conversation"])
def test_searching_for_a_conversation_id_finds_its_rows(root: Client, exchange: Callable[..., Run], model: str) -> None:
    wanted, _ = exchange(), exchange()
    found = listed_keys(root, model, q=f" {wanted.conversation_id} ")
    assert len(found) == (2 if model == "message" else 1)


def test_searching_for_a_message_id_finds_its_steps(root: Client, exchange: Callable[..., Run]) -> None:
    wanted, _ = exchange(), exchange()
    assert len(listed_keys(root, "step", q=str(wanted.message_id))) == 4
    assert len(listed_keys(root, "step", q=str(wanted.message_id), type__exact="tool_call")) == 1


def test_conversations_are_found_by_title_user_and_archived_state(root: Client, exchange: Callable[..., Run]) -> None:
    wanted, _ = exchange(words="Pancakes for two"), exchange(words="Taxes")
    assert listed_keys(root, "conversation", q="pancake") == [wanted.conversation_id]
    assert len(listed_keys(root, "conversation", username="ada")) == 2
    Conversation.objects.filter(pk=wanted.conversation_id).update(archived=True)
    assert listed_keys(root, "conversation", archived__exact="1") == [wanted.conversation_id]


def test_runs_are_filtered_by_liveness_status_and_error(root: Client, exchange: Callable[..., Run]) -> None:
    live, failed = exchange(), exchange(words="timeout")
    Run.objects.filter(pk=live.pk).update(status=Run.Status.RUNNING, error_code="")
    assert listed_keys(root, "run", live="yes") == [live.pk]
    assert listed_keys(root, "run", live="no") == [failed.pk]
    assert listed_keys(root, "run", status__exact="failed") == [failed.pk]
    assert listed_keys(root, "run", error="timeout") == [failed.pk]
    assert listed_keys(root, "run", error="refused") == []


def test_the_user_page_links_to_everything_the_user_owns(root: Client, exchange: Callable[..., Run]) -> None:
    ada = exchange().user
    page = root.get(reverse("admin:accounts_user_change", args=[ada.pk])).content.decode()
    for model in (Conversation, Project, Run, TokenUsage, ApiToken):
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query={"username": "ada"})
        assert f'href="{url}"' in page
        assert root.get(url).status_code == 200
