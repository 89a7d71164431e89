"""What tools have written for a conversation is removed when it is deleted, and nothing else is."""

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

WRITES = calls(tool_call("write_file", {"path": "notes/a.txt", "content": "Remember"}))


def files_of(kind: str, key: str) -> Path:
    return Path(settings.VAR_DIR, "workspaces", kind, key)


@pytest.mark.django_db(transaction=True)
async def test_the_files_of_a_deleted_conversation_go_and_those_of_others_stay() -> None:
    async with talk(WRITES, answer("Done"), WRITES, answer("Done")) as t:
        gone, kept = [(await t.ask("Write"))["conversation_id"] for _ in range(2)]
        assert files_of("conversations", gone).joinpath("notes/a.txt").read_text() == "Remember"
        await t.ada.call("conversation.delete", conversation_id=gone)
        await until(lambda: not files_of("conversations", gone).exists(), "its files are removed")
        assert files_of("conversations", kept).joinpath("notes/a.txt").exists()


@pytest.mark.django_db(transaction=True)
async def test_a_project_keeps_its_files_when_a_conversation_of_it_goes() -> None:
    async with talk(WRITES, answer("Done")) as t:
        project = (await t.ada.call("project.create", name="Garden"))["project"]["id"]
        sent = await t.ask("Write", project_id=project)
        before = files_of("conversations", sent["conversation_id"])  # from before it came into the project
        before.mkdir(parents=True)
        await t.ada.call("conversation.delete", conversation_id=sent["conversation_id"])
        await until(lambda: not before.exists(), "its own files are removed")
        assert files_of("projects", project).joinpath("notes/a.txt").exists()


@pytest.mark.django_db(transaction=True)
async def test_what_a_tool_writes_after_the_deletion_goes_with_the_end_of_its_run() -> None:
    gate = Gate()
    async with talk(WRITES, [wait_for(gate), *answer("Done")]) as t:
        sent = await t.ada.call("message.send", text="Write")
        conversation_id = sent["conversation_id"]
        files = files_of("conversations", conversation_id)
        await t.ada.until("process_step", type="tool_result")
        user = await t.site.user()
        await t.site.runner.write(store.delete_conversation, user_id=user.pk, conversation_id=UUID(conversation_id))
        await until(lambda: not files.exists(), "its files are removed")
        files.mkdir()  # as a tool does that was under way
        gate.open()
        await until(lambda: not files.exists(), "they are removed again")


@pytest.mark.django_db(transaction=True)
async def test_an_answer_that_stops_with_the_server_keeps_its_files() -> None:
    async with talk(WRITES, [hang()]) as t:
        sent = await t.ada.call("message.send", text="Write")
        await t.ada.until("process_step", type="tool_result")
    assert files_of("conversations", sent["conversation_id"]).joinpath("notes/a.txt").exists()


async def test_a_link_is_not_followed_and_what_stays_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere, inner, link = tmp_path / "elsewhere", tmp_path / "inner", tmp_path / "link"
    for folder in (elsewhere, inner):
        folder.mkdir()
    (elsewhere / "a.txt").write_text("Remember")
    (inner / "way-out").symlink_to(elsewhere)
    link.symlink_to(elsewhere)
    with caplog.at_level(logging.ERROR, "conversations.store.workspaces"):
        workspaces.remove_in_thread([tmp_path / "never-there", link, inner])
        await until(lambda: not inner.exists(), "what can go has gone")
    assert (elsewhere / "a.txt").exists()
    assert [str(link) in message for message in caplog.messages] == [True]
