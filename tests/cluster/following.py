"""What a client that follows a run has seen of it."""

from __future__ import annotations

import asyncio

from conversations.models import Step
from tests.client import WAIT_TIMEOUT, Client
from tests.faults.waiting import until


async def shows(client: Client, run_id: str, content: str) -> None:
    """Once the client has been told just this text."""
    await until(lambda: "".join(step["content"] for step in client.steps(run_id)) == content, f"that it is {content!r}")


async def stored(content: str) -> None:
    """Once a step with this text is in the database, which tells nobody."""
    async with asyncio.timeout(WAIT_TIMEOUT):
        while not await Step.objects.filter(content=content).aexists():
            await asyncio.sleep(0.02)


def assert_told_once(client: Client, run_id: str, content: str) -> None:
    """The run, and each word of it, in one piece or in several."""
    assert len(client.received("run_started", run_id=run_id)) == 1
    assert not client.received("steps_reset", run_id=run_id)
    pieces = [p["text"] for p in client.received("step_delta", run_id=run_id)]
    pieces += [p["content"] for p in client.received("process_step", run_id=run_id) if "content" in p]
    assert sum(map(len, pieces)) == len(content)
    assert len(client.received("done", run_id=run_id)) == 1
