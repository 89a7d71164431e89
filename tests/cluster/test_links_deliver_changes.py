"""A link has one message in flight at a time, and sends it again until it is acknowledged."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from conversations.runner.cluster import links
from conversations.runner.cluster.inbox import PeerMessage
from conversations.runs.events import StepGrew
from conversations.runs.live import LiveRun, Outcome
from tests.cluster.channel_layer import two_processes
from tests.faults.waiting import until

END = Outcome("complete", finish_reason="stop")


@pytest.fixture
def short_acknowledge_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "ACKNOWLEDGE_TIMEOUT", 0.03)


def grow(run: LiveRun, *words: str) -> None:
    for word in words:
        run.apply(StepGrew(0, word))


def is_acknowledgement(message: PeerMessage) -> bool:
    return bool(message["type"] == "link.ack")


async def until_unfollowed(run: LiveRun) -> None:
    """Waits until nobody follows the run."""
    await until(lambda: not run.is_followed, "nobody follows the run")


async def test_the_next_message_waits_for_the_acknowledgement_and_has_all_later_changes() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        pair.layer.delivers = lambda message: not is_acknowledgement(message)
        follower = pair.follow(row)
        first = await pair.layer.until("link.update")
        for word in ("two ", "three ", "four"):
            grow(run, word)
            await asyncio.sleep(0.01)
        assert pair.layer.of_type("link.update") == [first]
        pair.layer.delivers = lambda message: True
        pair.links.receive(
            {"type": "link.ack", "number": first["number"], "unwanted": [], "from": pair.replica_inbox.address}
        )
        await pair.until_text_is(follower, "One two three four")
        assert len(pair.layer.of_type("link.update")) == 2
        (update,) = pair.layer.of_type("link.update")[1]["runs"].values()
        assert update["changes"] == [["text", 0, 4, "two three four"]]


@pytest.mark.usefixtures("short_acknowledge_timeout")
async def test_a_lost_message_is_sent_again_and_applied_once() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        turns = {"link.update": itertools.count(), "link.ack": itertools.count()}
        pair.layer.delivers = lambda message: message["type"] not in turns or next(turns[message["type"]]) % 2 == 1
        follower = pair.follow(row)
        for word in ("two ", "three ", "four"):
            await asyncio.sleep(0.01)
            grow(run, word)
        await pair.until_text_is(follower, "One two three four")
        assert follower.characters == len("One two three four")
        numbers = [message["number"] for message in pair.layer.of_type("link.update")]
        assert len(set(numbers)) < len(numbers)


@pytest.mark.usefixtures("short_acknowledge_timeout")
async def test_a_peer_that_does_not_acknowledge_is_dropped_with_its_link() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        pair.layer.delivers = lambda message: message["type"] == "link.watch"
        pair.follow(row)
        await pair.layer.until("link.update", links.MAX_TRIES)
        await until_unfollowed(run)
        grow(run, "two")
        await asyncio.sleep(0)
        assert len(pair.layer.of_type("link.update")) == links.MAX_TRIES
        assert not pair.links._links


@pytest.mark.usefixtures("short_acknowledge_timeout")
async def test_a_dropped_peer_that_subscribes_again_misses_nothing() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        follower = pair.follow(row)
        await pair.until_text_is(follower, "One ")
        pair.layer.delivers = lambda message: False
        grow(run, "two ")
        await until_unfollowed(run)
        grow(run, "three")
        pair.layer.delivers = lambda message: True
        await pair.replicas.refresh_all()
        await pair.until_text_is(follower, "One two three")
        assert follower.characters == len("One two three")


async def test_one_message_carries_the_changes_of_all_runs() -> None:
    async with two_processes() as pair:
        made = [pair.create_run("One ") for _ in range(20)]
        followers = [pair.follow(row) for _, row in made]
        for follower in followers:
            await pair.until_text_is(follower, "One ")
        before = len(pair.layer.of_type("link.update"))
        for run, _ in made:
            grow(run, "two")
        for follower in followers:
            await pair.until_text_is(follower, "One two")
        assert len(pair.layer.of_type("link.update")) == before + 1


async def test_a_large_change_is_split_into_several_messages_and_other_runs_take_turns() -> None:
    async with two_processes() as pair:
        large, row = pair.create_run("x" * 2_000_000)
        _, other = pair.create_run("One")
        follower, second = pair.follow(row), pair.follow(other)
        await pair.until_text_is(second, "One")
        assert any(
            second.cursor.run.identity.run_id in message["runs"] for message in pair.layer.of_type("link.update")[:2]
        )
        await pair.until_text_is(follower, large.steps[0].text)
        assert follower.characters == 2_000_000


async def test_a_run_is_delivered_to_its_end_after_its_owner_has_dropped_it() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        follower = pair.follow(row)
        await pair.until_text_is(follower, "One ")
        del pair.runs[run.identity.run_id]
        grow(run, "two")
        run.end(END)
        await pair.until_text_is(follower, "One two")
        assert follower.outcome == END
        await until_unfollowed(run)
        assert pair.snapshot_reads == 0


async def test_a_process_delivers_the_end_of_its_runs_before_it_stops() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("x" * 1_500_000)
        follower = pair.follow(row)
        await pair.layer.until("link.update")
        run.end(END)
        await pair.links.wait_until_delivered(5)
        pair.links.close()
        await pair.until_text_is(follower, run.steps[0].text)
        assert follower.outcome == END


@pytest.mark.usefixtures("short_acknowledge_timeout")
async def test_a_stopping_process_does_not_wait_for_a_peer_that_does_not_acknowledge() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        pair.layer.delivers = lambda message: not is_acknowledgement(message)
        pair.follow(row)
        await pair.layer.until("link.update")
        await pair.links.wait_until_delivered(0.02)
        pair.links.close()
        assert not run.is_followed


async def test_an_unwanted_run_is_not_sent_again() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        await pair.until_text_is(pair.follow(row), "One ")
        pair.replicas.adopt(str(row.pk))
        grow(run, "two")
        await until_unfollowed(run)
        grow(run, "three")
        await asyncio.sleep(0.02)
        assert len(pair.layer.of_type("link.update")) == 2


async def test_refreshing_a_replica_that_is_up_to_date_sends_no_changes() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        follower = pair.follow(row)
        await pair.until_text_is(follower, "One ")
        await pair.replicas.refresh_all()
        answer = await pair.layer.until("link.update", 2)
        assert [update["changes"] for update in answer["runs"].values()] == [[]]
        grow(run, "two")
        await pair.until_text_is(follower, "One two")
        assert follower.characters == len("One two")


async def test_changes_of_a_busy_run_are_batched_on_a_slow_channel_layer() -> None:
    async with two_processes() as pair:
        pair.layer.delay = 0.01
        run, row = pair.create_run("")
        follower = pair.follow(row)
        for _ in range(100):
            grow(run, "word ")
            await asyncio.sleep(0.001)
        await pair.until_text_is(follower, "word " * 100)
        assert follower.characters == 500
        assert len(pair.layer.of_type("link.update")) < 20
