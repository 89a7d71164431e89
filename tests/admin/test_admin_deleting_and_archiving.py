from __future__ import annotations

from collections.abc import Callable

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse, reverse_lazy

from accounts.models import User
from conversations.models import Conversation, Message, Project, Run, Step, TokenUsage

LIST = reverse_lazy("admin:conversations_conversation_changelist")


def delete_url(row: Conversation | Project | User) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_delete", args=[row.pk])


def test_deleting_a_conversation_asks_for_confirmation_and_shows_the_related_counts(
    root: Client, exchange: Callable[..., Run]
) -> None:
    conversation = exchange().conversation
    page = root.get(delete_url(conversation)).content.decode()
    for line in ("Conversations: 1", "Messages: 2", "Steps: 4", "Runs: 1"):
        assert f"<li>{line}</li>" in page
    assert Conversation.objects.exists()


def test_deleting_a_conversation_keeps_its_token_usage(root: Client, exchange: Callable[..., Run]) -> None:
    conversation, other = exchange().conversation, exchange().conversation
    root.post(delete_url(conversation), {"post": "yes"})
    assert list(Conversation.objects.all()) == [other]
    assert (Message.objects.count(), Step.objects.count(), Run.objects.count()) == (2, 4, 1)
    assert TokenUsage.objects.count() == 2


def test_selected_conversations_are_deleted_after_confirmation(root: Client, exchange: Callable[..., Run]) -> None:
    gone, kept = exchange().conversation, exchange().conversation
    ticked = {"action": "delete_selected", ACTION_CHECKBOX_NAME: [str(gone.pk)]}
    page = root.post(LIST, {**ticked, "index": "0", "select_across": "1"}).content.decode()
    assert "<li>Conversations: 1</li>" in page
    assert Conversation.objects.count() == 2
    root.post(LIST, {**ticked, "post": "yes"})
    assert list(Conversation.objects.all()) == [kept]


def test_deleting_requires_permission_for_all_related_rows(client: Client, exchange: Callable[..., Run]) -> None:
    conversation = exchange().conversation
    clerk = User.objects.create(username="clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="delete_conversation"))
    client.force_login(clerk)
    assert client.post(delete_url(conversation), {"post": "yes"}).status_code == 403
    assert Conversation.objects.exists()
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=["delete_message", "delete_step", "delete_run"]))
    assert client.post(delete_url(conversation), {"post": "yes"}).status_code == 302
    assert not Conversation.objects.exists()


def test_deleting_a_project_keeps_its_conversations(root: Client, exchange: Callable[..., Run]) -> None:
    conversation = exchange().conversation
    assert conversation.project is not None
    page = root.get(delete_url(conversation.project)).content.decode()
    assert "Conversations:" not in page
    root.post(delete_url(conversation.project), {"post": "yes"})
    conversation.refresh_from_db()
    assert conversation.project is None


def test_deleting_a_user_shows_the_related_counts_and_keeps_token_usage(
    root: Client, exchange: Callable[..., Run]
) -> None:
    ada = exchange().user
    page = root.get(delete_url(ada)).content.decode()
    for line in ("Users: 1", "Projects: 1", "Conversations: 1", "Messages: 2", "Steps: 4", "Runs: 1"):
        assert f"<li>{line}</li>" in page
    root.post(delete_url(ada), {"post": "yes"})
    assert not Conversation.objects.exists()
    assert TokenUsage.objects.get().user is None


def test_selected_conversations_are_archived_and_restored(root: Client, exchange: Callable[..., Run]) -> None:
    ticked, other = exchange().conversation, exchange().conversation
    for action, archived in (("archive", True), ("unarchive", False)):
        page = root.post(LIST, {"action": action, "index": "0", ACTION_CHECKBOX_NAME: [str(ticked.pk)]}, follow=True)
        assert f"{action.capitalize()}d: 1." in page.content.decode()
        assert Conversation.objects.get(pk=ticked.pk).archived is archived
        assert Conversation.objects.get(pk=other.pk).archived is False


def test_renaming_a_project_keeps_its_owner(root: Client, exchange: Callable[..., Run]) -> None:
    project = Project.objects.get(conversations=exchange().conversation)
    url = reverse("admin:conversations_project_change", args=[project.pk])
    root.post(url, {"name": "Kitchen", "instructions": "Be brief.", "owner": "1"})
    project.refresh_from_db()
    assert (project.name, project.instructions, project.owner.username) == ("Kitchen", "Be brief.", "ada")
