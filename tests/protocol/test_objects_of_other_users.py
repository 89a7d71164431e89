"""Objects of other users are not found, exactly like objects that do not exist."""

from __future__ import annotations

from typing import Any

import pytest

from tests.modelserver import Gate, settled
from tests.protocol.talk import expect_error, gated_answer, talk

pytestmark = pytest.mark.django_db(transaction=True)

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def attempts(conversation: str, run: str, project: str, message: str, own: str) -> list[tuple[str, dict[str, Any]]]:
    """Returns requests that use these ids; `own` is a conversation of the caller."""
    return [
        ("conversation.get", {"conversation_id": conversation}),
        ("conversation.subscribe", {"conversation_id": conversation}),
        ("conversation.subscribe", {"conversation_id": conversation, "run_id": run}),
        ("conversation.subscribe", {"conversation_id": own, "run_id": run}),
        ("conversation.unsubscribe", {"conversation_id": conversation}),
        ("conversation.create", {"project_id": project}),
        ("conversation.list", {"project_id": project}),
        ("message.send", {"text": "x", "conversation_id": conversation}),
        ("message.send", {"text": "x", "conversation_id": own, "parent_id": message}),
        ("message.send", {"text": "x", "parent_id": message}),
        ("message.send", {"text": "x", "project_id": project}),
        ("run.cancel", {"run_id": run}),
    ]


async def test_objects_of_other_users_are_not_found_like_objects_that_do_not_exist() -> None:
    gate = Gate()
    async with talk(gated_answer(gate), LIMIT_FRAMES_PER_SECOND=1000) as t, t.site.client("bob") as bob:
        project = (await t.ada.call("project.create", name="Secret"))["project"]["id"]
        sent = await t.ada.call("message.send", text="Hi", project_id=project)
        await t.ada.until("process_step", type="text")
        own = (await bob.call("conversation.create"))["conversation"]["id"]
        forbidden = attempts(sent["conversation_id"], sent["run_id"], project, sent["assistant_message_id"], own)
        for absent in (UNKNOWN_ID, "no-id", "é"):
            unknown = attempts(absent, absent, absent, absent, own)
            for (method, params), (_, unknown_params) in zip(forbidden, unknown, strict=True):
                error = await expect_error(bob, method, **params)
                other = await expect_error(bob, method, **unknown_params)
                assert (error.code, error.data) == (-32000, {"code": "not_found"}), (method, params)
                assert (str(error), error.data) == (str(other), other.data), (method, params)
        assert (await bob.call("conversation.list"))["conversations"][0]["id"] == own
        assert (await bob.call("conversation.list"))["next_cursor"] is None
        assert (await bob.call("project.list"))["projects"] == []
        gate.open()
        end = await t.ada.ended(sent["run_id"])
        assert end["params"]["status"] == "complete"
        await settled(t.model.requests[0].answered)
        assert len(t.model.requests) == 1
        assert {n["method"] for n in bob.notifications} == {"hello", "conversation_changed"}
        assert {c["conversation"]["id"] for c in bob.received("conversation_changed")} == {own}
