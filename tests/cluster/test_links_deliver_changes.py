"""Between two processes there is one mail under way, whatever there is to tell, and it is told until it is taken."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from conversations.runner.cluster import links
from conversations.runner.cluster.inbox import PeerMessage
from conversations.runs.events import StepGrew
from conversations.runs.live import LiveRun, Outcome
from tests.cluster.channel_layer import both_ends
from tests.faults.waiting import until

END = Outcome("complete", finish_reason="stop")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "ACKNOWLEDGE_TIMEOUT", 0.03)


def grow(run: LiveRun, *words: str) -> None:
    for word in words:
        run.apply(StepGrew(0, word))


def is_answer(mail: PeerMessage) -> bool:
    return bool(mail["type"] == "link.taken")


async def gone(run: LiveRun) -> None:
    """Once nobody follows the run."""
    await until(lambda: not run.is_followed, "that nobody follows")


async def test_the_next_mail_waits_for_the_answer_and_then_has_all_that_came_meanwhile() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        ends.layer.passes = lambda mail: not is_answer(mail)
        follower = ends.follow(row)
        first = await ends.layer.until("link.news")
        for word in ("two ", "three ", "four"):
            grow(run, word)
            await asyncio.sleep(0.01)
        assert ends.layer.of("link.news") == [first]
        ends.layer.passes = lambda mail: True
        ends.links.take({"type": "link.taken", "number": first["number"], "unwanted": [], "from": ends.there.address})
        await ends.caught_up(follower, "One two three four")
        assert len(ends.layer.of("link.news")) == 2
        (news,) = ends.layer.of("link.news")[1]["runs"].values()
        assert news["changes"] == [["text", 0, 4, "two three four"]]


@pytest.mark.usefixtures("impatient")
async def test_a_mail_that_is_lost_is_sent_again_and_said_once() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        turns = {"link.news": itertools.count(), "link.taken": itertools.count()}
        ends.layer.passes = lambda mail: mail["type"] not in turns or next(turns[mail["type"]]) % 2 == 1
        follower = ends.follow(row)
        for word in ("two ", "three ", "four"):
            await asyncio.sleep(0.01)
            grow(run, word)
        await ends.caught_up(follower, "One two three four")
        assert follower.characters == len("One two three four")
        numbers = [mail["number"] for mail in ends.layer.of("link.news")]
        assert len(set(numbers)) < len(numbers)


@pytest.mark.usefixtures("impatient")
async def test_whoever_does_not_answer_is_given_up_and_nothing_is_kept_for_him() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        ends.layer.passes = lambda mail: mail["type"] == "link.watch"
        ends.follow(row)
        await ends.layer.until("link.news", links.MAX_TRIES)
        await gone(run)
        grow(run, "two")
        await asyncio.sleep(0)
        assert len(ends.layer.of("link.news")) == links.MAX_TRIES
        assert not ends.links._links


@pytest.mark.usefixtures("impatient")
async def test_whoever_was_given_up_and_asks_again_has_missed_nothing() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        follower = ends.follow(row)
        await ends.caught_up(follower, "One ")
        ends.layer.passes = lambda mail: False
        grow(run, "two ")
        await gone(run)
        grow(run, "three")
        ends.layer.passes = lambda mail: True
        await ends.replicas.refresh_all()
        await ends.caught_up(follower, "One two three")
        assert follower.characters == len("One two three")


async def test_one_mail_tells_of_all_runs() -> None:
    async with both_ends() as ends:
        made = [ends.make("One ") for _ in range(20)]
        followers = [ends.follow(row) for _, row in made]
        for follower in followers:
            await ends.caught_up(follower, "One ")
        before = len(ends.layer.of("link.news"))
        for run, _ in made:
            grow(run, "two")
        for follower in followers:
            await ends.caught_up(follower, "One two")
        assert len(ends.layer.of("link.news")) == before + 1


async def test_what_is_too_large_for_one_mail_comes_in_several_and_others_have_their_turn() -> None:
    async with both_ends() as ends:
        large, row = ends.make("x" * 2_000_000)
        _, other = ends.make("One")
        follower, second = ends.follow(row), ends.follow(other)
        await ends.caught_up(second, "One")
        assert any(second.cursor.run.identity.run_id in mail["runs"] for mail in ends.layer.of("link.news")[:2])
        await ends.caught_up(follower, large.steps[0].text)
        assert follower.characters == 2_000_000


async def test_a_run_is_told_to_its_end_though_its_owner_has_it_no_more() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        follower = ends.follow(row)
        await ends.caught_up(follower, "One ")
        del ends.made[run.identity.run_id]
        grow(run, "two")
        run.end(END)
        await ends.caught_up(follower, "One two")
        assert follower.outcome == END
        await gone(run)
        assert ends.looks == 0


async def test_a_process_that_ends_says_the_last_word_first() -> None:
    async with both_ends() as ends:
        run, row = ends.make("x" * 1_500_000)
        follower = ends.follow(row)
        await ends.layer.until("link.news")
        run.end(END)
        await ends.links.wait_until_delivered(5)
        ends.links.close()
        await ends.caught_up(follower, run.steps[0].text)
        assert follower.outcome == END


@pytest.mark.usefixtures("impatient")
async def test_a_process_that_ends_does_not_wait_for_whoever_does_not_answer() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        ends.layer.passes = lambda mail: not is_answer(mail)
        ends.follow(row)
        await ends.layer.until("link.news")
        await ends.links.wait_until_delivered(0.02)
        ends.links.close()
        assert not run.is_followed


async def test_what_nobody_wants_any_more_is_not_told_again() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        await ends.caught_up(ends.follow(row), "One ")
        ends.replicas.adopt(str(row.pk))
        grow(run, "two")
        await gone(run)
        grow(run, "three")
        await asyncio.sleep(0.02)
        assert len(ends.layer.of("link.news")) == 2


async def test_whoever_asks_whether_he_is_still_told_is_not_told_all_again() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        follower = ends.follow(row)
        await ends.caught_up(follower, "One ")
        await ends.replicas.refresh_all()
        answer = await ends.layer.until("link.news", 2)
        assert [news["changes"] for news in answer["runs"].values()] == [[]]
        grow(run, "two")
        await ends.caught_up(follower, "One two")
        assert follower.characters == len("One two")


async def test_the_words_of_a_busy_run_come_in_few_mails_where_the_post_is_slow() -> None:
    async with both_ends() as ends:
        ends.layer.takes = 0.01
        run, row = ends.make("")
        follower = ends.follow(row)
        for _ in range(100):
            grow(run, "word ")
            await asyncio.sleep(0.001)
        await ends.caught_up(follower, "word " * 100)
        assert follower.characters == 500
        assert len(ends.layer.of("link.news")) < 20
