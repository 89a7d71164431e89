"""When a closing tag shows that the text so far was thinking, its step is reset and sent and stored as thinking."""

from __future__ import annotations

import pytest

from tests.modelserver import Gate, done, finish, text, usage, wait_for
from tests.protocol.talk import run_notifications, talk

pytestmark = pytest.mark.django_db(transaction=True)


async def test_text_before_a_closing_tag_is_reset_and_sent_as_thinking() -> None:
    gate = Gate()
    reply = [text("Hm"), wait_for(gate), text("\n</think>\n\nHel"), text("lo"), finish(), usage(), done()]
    async with talk(reply) as t:
        sent = await t.ada.call("message.send", text="Hi")
        await t.ada.until("process_step", run_id=sent["run_id"], type="text")
        gate.open()
        await t.ada.ended(sent["run_id"])
        assert t.ada.received("steps_reset") == [{"run_id": sent["run_id"], "index": 0}]
        methods = [method for method in run_notifications(t.ada, sent["run_id"]) if method != "step_delta"]
        assert methods == ["run_started", "process_step", "steps_reset", "process_step", "process_step", "done"]
        answer = (await t.messages(sent["conversation_id"]))[-1]
        steps = [(step["type"], step["content"]) for step in answer["content"]["steps"]]
        assert steps == [("thinking", "Hm\n"), ("text", "Hello")]
        assert answer["content"]["steps"][0]["duration"] > 0
        assert answer["content"]["text"] == "Hello"
        assert [(step["type"], step["content"]) for step in t.ada.steps(sent["run_id"])] == steps
