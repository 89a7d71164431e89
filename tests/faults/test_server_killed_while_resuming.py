from __future__ import annotations

import pytest

from conversations.llm.tokens import estimate_tokens
from tests.faults.deployment import Deployment
from tests.faults.points import FINAL, ScriptedModel
from tests.faults.stored import LedgerEntry
from tests.faults.waiting import until
from tests.modelserver import answer, hang, model_server, text

pytestmark = pytest.mark.faults


async def test_the_answer_arrives_and_the_interrupted_text_is_counted_once(deployment: Deployment) -> None:
    script = ScriptedModel({"Tell me": [[text("Here is"), hang()], answer(FINAL, completion=5)]})
    stored = deployment.stored
    async with model_server(script) as model, deployment.server(model) as server:
        await server.start()
        async with deployment.client(server) as ada:
            sent = await ada.call("message.send", text="Tell me")
        watcher = deployment.watch(server, sent)
        await until(lambda: stored.steps(sent["run_id"]) == [("text", "Here is")], "the first words are stored")
        server.kill()
        server.hold("begin_attempt-after-commit")
        await server.start()
        await server.reached("begin_attempt-after-commit")
        server.kill()
        await server.start()
        await watcher.ended()
    assert [step["content"] for step in watcher.steps] == [FINAL]
    assert script.calls["Tell me"] == 2
    cut = LedgerEntry(1, 1, True, estimate_tokens("Here is"))
    assert stored.ledger(sent["run_id"]) == [cut, LedgerEntry(3, 1, False, 5)]
