"""The read pause makes the client read less often, and loses no data."""

from dataclasses import replace

import pytest
from aiohttp.client_proto import ResponseHandler

from conversations.llm.client import ModelClient
from conversations.llm.types import Delta, Finish, TextDelta, TimeLimits, Usage
from tests.llm.deltas import join_deltas
from tests.llm.scripted import REQUEST, ask, endpoint
from tests.modelserver import Reply, cut, done, finish, hang, head, model_server, pause, text, usage

PACED: Reply = [*[part for n in range(60) for part in (text(f"{n} "), pause(0.002))], finish(), usage(), done()]
WHOLE = [TextDelta("".join(f"{n} " for n in range(60))), Finish("stop"), Usage(10, 5)]
LIMITS = TimeLimits(connect=5, first_token=5, idle=5, total=5)


async def stream(client: ModelClient, reply: Reply) -> list[Delta]:
    async with model_server(reply) as server:
        return [delta async for delta in client.stream(endpoint(server), REQUEST)]


@pytest.fixture
def read_sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Returns the list that collects the size of each read from a model connection."""
    sizes: list[int] = []
    receive = ResponseHandler.data_received

    def counted(connection: ResponseHandler, received: bytes) -> None:
        if received:
            sizes.append(len(received))
        receive(connection, received)

    monkeypatch.setattr(ResponseHandler, "data_received", counted)
    return sizes


@pytest.mark.parametrize(("seconds", "least", "most"), [(0.0, 40, 70), (0.03, 1, 20)], ids=["no pause", "pauses"])
async def test_a_read_pause_makes_fewer_and_larger_reads_of_the_same_data(
    read_sizes: list[int], seconds: float, least: int, most: int
) -> None:
    client = ModelClient(read_pause=lambda: seconds)
    deltas = await stream(client, PACED)
    assert join_deltas(deltas) == WHOLE
    assert least <= len(read_sizes) <= most
    assert len(deltas) <= len(read_sizes) + 2
    await client.close()


async def test_a_paused_stream_is_read_to_the_end_of_its_connection() -> None:
    client = ModelClient(read_pause=lambda: 0.01)
    assert join_deltas(await stream(client, [head(framed=False), *PACED])) == WHOLE
    await client.close()


async def test_a_broken_connection_during_a_pause_loses_no_received_data() -> None:
    client = ModelClient(read_pause=lambda: 0.05)
    async with model_server([text("a"), pause(0.01), text("b"), text("c"), cut()]) as server:
        deltas, error = await ask(client, endpoint(server))
    assert deltas == [TextDelta("abc")]
    assert error is not None
    assert error.code == "malformed"
    await client.close()


async def test_idle_and_total_timeouts_apply_while_reads_are_paused() -> None:
    client = ModelClient(read_pause=lambda: 0.01)
    async with model_server([text("a"), hang()]) as server:
        _, silent = await ask(client, endpoint(server, limits=replace(LIMITS, idle=0.1)))
    steady = [part for _ in range(500) for part in (text("x"), pause(0.01))]
    async with model_server(steady) as server:
        _, long = await ask(client, endpoint(server, limits=replace(LIMITS, total=0.2)))
    assert silent is not None
    assert long is not None
    assert ("silent" in str(silent), "whole" in str(long)) == (True, True)
    await client.close()
