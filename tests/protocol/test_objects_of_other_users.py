"""What belongs to somebody else is not found, exactly as what never was."""

from __future__ import annotations

from typing import Any

import pytest

from tests.modelserver import Gate, settled
from tests.protocol.talk import halting, refused, talk

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = "00000000-0000-4000-8000-000000000000"


def attempts(conversation: str, run: str, project: str, message: str, own: str) -> list[tuple[str, dict[str, Any]]]:
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


async def test_what_belongs_to_somebody_else_is_not_found_as_what_never_was() -> None:
    gate = Gate()
    async with talk(halting(gate), LIMIT_FRAMES_PER_SECOND=1000) as t, t.site.client("bob") as bob:
        project = (await t.ada.call("project.create", name="Secret"))["project"]["id"]
        sent = await t.ada.call("message.send", text="Hi", project_id=project)
        await t.ada.until("process_step", type="text")
        own = (await bob.call("conversation.create"))["conversation"]["id"]
        hers = attempts(sent["conversation_id"], sent["run_id"], project, sent["assistant_message_id"], own)
        for absent in (NOWHERE, "no-id", "é"):
            for (method, params), (_, nothing) in zip(hers, attempts(absent, absent, absent, absent, own), strict=True):
                error, other = await refused(bob, method, **params), await refused(bob, method, **nothing)
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
        assert {c["conversation"]["id"] for c in bob.of("conversation_changed")} == {own}
