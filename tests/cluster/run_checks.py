"""Waits for, and checks of, what a client has received of a run."""

from __future__ import annotations

import asyncio

from conversations.models import Step
from tests.client import WAIT_TIMEOUT, Client
from tests.faults.waiting import until


async def until_content_is(client: Client, run_id: str, content: str) -> None:
    """Waits until the client has received exactly this text of the run."""
    await until(
        lambda: "".join(step["content"] for step in client.steps(run_id)) == content, f"the content is {content!r}"
    )


async def until_step_is_stored(content: str) -> None:
    """Waits until a step with this text is in the database. Polls, as nothing announces it."""
    async with asyncio.timeout(WAIT_TIMEOUT):
        while not await Step.objects.filter(content=content).aexists():
            await asyncio.sleep(0.02)


def assert_received_once(client: Client, run_id: str, content: str) -> None:
    """Asserts that the client received the run and each character of it once, in however many deltas."""
    assert len(client.received("run_started", run_id=run_id)) == 1
    assert not client.received("steps_reset", run_id=run_id)
    pieces = [p["text"] for p in client.received("step_delta", run_id=run_id)]
    pieces += [p["content"] for p in client.received("process_step", run_id=run_id) if "content" in p]
    assert sum(map(len, pieces)) == len(content)
    assert len(client.received("done", run_id=run_id)) == 1
