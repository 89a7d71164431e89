"""Deleting a conversation deletes the files that tools have written for it, and no others."""

from __future__ import annotations

import logging
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings

from conversations import store
from conversations.store import workspaces
from tests.faults.waiting import until
from tests.modelserver import Gate, answer, calls, hang, tool_call, wait_for
from tests.protocol.talk import talk

WRITE_CALL = calls(tool_call("write_file", {"path": "notes/a.txt", "content": "Remember"}))


def workspace(kind: str, key: str) -> Path:
    return Path(settings.VAR_DIR, "workspaces", kind, key)


@pytest.mark.django_db(transaction=True)
async def test_deleting_a_conversation_deletes_only_its_own_files() -> None:
    async with talk(WRITE_CALL, answer("Done"), WRITE_CALL, answer("Done")) as t:
        deleted, kept = [(await t.ask("Write"))["conversation_id"] for _ in range(2)]
        assert workspace("conversations", deleted).joinpath("notes/a.txt").read_text() == "Remember"
        await t.ada.call("conversation.delete", conversation_id=deleted)
        await until(lambda: not workspace("conversations", deleted).exists(), "its files are deleted")
        assert workspace("conversations", kept).joinpath("notes/a.txt").exists()


@pytest.mark.django_db(transaction=True)
async def test_a_project_keeps_its_files_when_a_conversation_is_deleted() -> None:
    async with talk(WRITE_CALL, answer("Done")) as t:
        project = (await t.ada.call("project.create", name="Garden"))["project"]["id"]
        sent = await t.ask("Write", project_id=project)
        # A workspace of its own, from before it was moved to the project
        own_files = workspace("conversations", sent["conversation_id"])
        own_files.mkdir(parents=True)
        await t.ada.call("conversation.delete", conversation_id=sent["conversation_id"])
        await until(lambda: not own_files.exists(), "its own files are deleted")
        assert workspace("projects", project).joinpath("notes/a.txt").exists()


@pytest.mark.django_db(transaction=True)
async def test_files_written_after_the_deletion_are_deleted_at_the_end_of_the_run() -> None:
    gate = Gate()
    async with talk(WRITE_CALL, [wait_for(gate), *answer("Done")]) as t:
        sent = await t.ada.call("message.send", text="Write")
        conversation_id = sent["conversation_id"]
        files = workspace("conversations", conversation_id)
        await t.ada.until("process_step", type="tool_result")
        user = await t.site.user()
        await t.site.runner.write(store.delete_conversation, user_id=user.pk, conversation_id=UUID(conversation_id))
        await until(lambda: not files.exists(), "its files are deleted")
        files.mkdir()  # as a tool that is still running may do
        gate.open()
        await until(lambda: not files.exists(), "they are deleted again")


@pytest.mark.django_db(transaction=True)
async def test_a_run_handed_over_at_shutdown_keeps_its_files() -> None:
    async with talk(WRITE_CALL, [hang()]) as t:
        sent = await t.ada.call("message.send", text="Write")
        await t.ada.until("process_step", type="tool_result")
    assert workspace("conversations", sent["conversation_id"]).joinpath("notes/a.txt").exists()


async def test_symbolic_links_are_not_followed_and_failures_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outside, folder_with_link, link = tmp_path / "outside", tmp_path / "folder", tmp_path / "link"
    for folder in (outside, folder_with_link):
        folder.mkdir()
    (outside / "a.txt").write_text("Remember")
    (folder_with_link / "way-out").symlink_to(outside)
    link.symlink_to(outside)
    with caplog.at_level(logging.ERROR, "conversations.store.workspaces"):
        workspaces.remove_in_thread([tmp_path / "missing", link, folder_with_link])
        await until(lambda: not folder_with_link.exists(), "the folder is deleted")
    assert (outside / "a.txt").exists()
    assert [str(link) in message for message in caplog.messages] == [True]
