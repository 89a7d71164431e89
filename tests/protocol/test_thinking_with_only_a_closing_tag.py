"""Where thinking has a closing tag alone, the text so far is taken back, and is shown and kept as thinking."""

from __future__ import annotations

import pytest

from tests.modelserver import Gate, done, finish, text, usage, wait_for
from tests.protocol.talk import talk, told_of

pytestmark = pytest.mark.django_db(transaction=True)


async def test_steps_reset_then_a_thinking_step_then_the_text() -> None:
    shown = Gate()
    reply = [text("Hm"), wait_for(shown), text("\n</think>\n\nHel"), text("lo"), finish(), usage(), done()]
    async with talk(reply) as t:
        sent = await t.ada.call("message.send", text="Hi")
        await t.ada.until("process_step", run_id=sent["run_id"], type="text")
        shown.open()
        await t.ada.ended(sent["run_id"])
        assert t.ada.of("steps_reset") == [{"run_id": sent["run_id"], "index": 0}]
        told = [method for method in told_of(t.ada, sent["run_id"]) if method != "step_delta"]
        assert told == ["run_started", "process_step", "steps_reset", "process_step", "process_step", "done"]
        answer = (await t.messages(sent["conversation_id"]))[-1]
        steps = [(step["type"], step["content"]) for step in answer["content"]["steps"]]
        assert steps == [("thinking", "Hm\n"), ("text", "Hello")]
        assert answer["content"]["steps"][0]["duration"] > 0
        assert answer["content"]["text"] == "Hello"
        assert [(step["type"], step["content"]) for step in t.ada.steps(sent["run_id"])] == steps
