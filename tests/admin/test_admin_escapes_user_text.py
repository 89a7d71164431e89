from __future__ import annotations

from collections.abc import Callable

from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, Preferences, User
from conversations.models import Conversation, Message, Project, Run, Step, TokenUsage

HOSTILE = "</div></textarea><script>alert('1')</script><img src=x onerror=\"alert(2)\">"
UNESCAPED = ("<script>alert", "<img src=x", "</div></textarea>")


def pages_about(run: Run) -> list[str]:
    pages = [reverse("admin:conversations_conversation_read", args=[run.conversation_id])]
    for model in (Project, Conversation, Message, Step, Run, TokenUsage, ApiToken, Preferences, User):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages.append(reverse(f"{name}_changelist"))
        pages += [reverse(f"{name}_change", args=[row.pk]) for row in model._default_manager.all()]
    pages += [reverse("admin:conversations_conversation_delete", args=[run.conversation_id])]
    return [*pages, reverse("admin:accounts_user_delete", args=[run.user_id])]


def test_markup_in_any_field_is_escaped_on_every_page(root: Client, one_of_each: Callable[..., Run]) -> None:
    run = one_of_each(words=HOSTILE)
    User.objects.filter(pk=run.user_id).update(username=HOSTILE, first_name=HOSTILE, email=HOSTILE)
    shown = 0
    for url in pages_about(run):
        response = root.get(url)
        assert response.status_code == 200, url
        page = response.content.decode()
        assert not [mark for mark in UNESCAPED if mark in page], url
        shown += "&lt;script&gt;alert" in page
    assert shown > 20


def test_markup_in_a_search_or_a_filter_is_escaped(root: Client) -> None:
    for model in ("message", "conversation", "tokenusage"):
        url = reverse(f"admin:conversations_{model}_changelist")
        for name in ("q", "username", "model", "day"):
            page = root.get(url, {name: HOSTILE}, follow=True).content.decode()
            assert not [mark for mark in UNESCAPED if mark in page], (model, name)


def test_markup_in_a_title_is_escaped_in_the_message_after_an_action(
    root: Client, one_of_each: Callable[..., Run]
) -> None:
    run = one_of_each(words=HOSTILE)
    url = reverse("admin:conversations_conversation_change", args=[run.conversation_id])
    page = root.post(url, {"title": HOSTILE, "pinned": "on"}, follow=True).content.decode()
    assert "was changed successfully" in page
    assert not [mark for mark in UNESCAPED if mark in page]
