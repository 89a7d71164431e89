"""kill -9 of the process that makes a run, at every point of it: another one goes on, and whoever watches sees it.

A process that is only stopped, for longer than its lease lasts, is as good as dead, and does no harm when it goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from tests.faults.cluster import HEARTBEAT, PostgresTemplate, new_cluster
from tests.faults.points import COMMITS, POINTS, Point
from tests.faults.stories import (
    Aftermath,
    Story,
    kill_the_owner_of_all,
    kill_the_owner_of_each,
    once,
    pause_the_owner_of_all,
)
from tests.faults.waiting import SOON
from tests.redis import RedisServer

logger = logging.getLogger(__name__)

pytestmark = [pytest.mark.faults, pytest.mark.requires_postgres, pytest.mark.requires_redis]

DEEDS = {"killed": kill_the_owner_of_all, "committing": kill_the_owner_of_each, "stopped": pause_the_owner_of_all}
POINTS_OF = {"killed": POINTS, "committing": COMMITS, "stopped": POINTS}
CASES = [pytest.param((deed, point), id=f"{deed}, {point}") for deed in DEEDS for point in POINTS_OF[deed]]

in_every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def aftermath_of(
    tmp_path_factory: pytest.TempPathFactory, postgres_template: PostgresTemplate, redis: RedisServer
) -> Callable[[str], Aftermath]:
    """What comes after each of DEEDS, which is done once."""

    @once
    def after(deed: str) -> Aftermath:
        with new_cluster(tmp_path_factory.mktemp(deed), postgres_template, redis) as cluster:
            return asyncio.run(DEEDS[deed](cluster, POINTS_OF[deed]))

    return after


@pytest.fixture
def story(case: tuple[str, Point], aftermath_of: Callable[[str], Aftermath]) -> Story:
    deed, point = case
    return aftermath_of(deed).stories[point]


@in_every_case
def test_the_answer_arrives(story: Story) -> None:
    story.assert_it_arrived()


@in_every_case
def test_who_watches_on_whichever_process_ends_with_what_is_stored(story: Story) -> None:
    story.assert_who_watched_has_what_is_stored()


@in_every_case
def test_no_model_call_that_had_finished_is_made_again(story: Story) -> None:
    story.assert_no_finished_model_call_was_made_again()


@in_every_case
def test_of_a_call_that_may_have_happened_it_is_said_that_nobody_knows(story: Story) -> None:
    story.assert_it_is_said_what_nobody_knows()


@in_every_case
def test_the_ledger_has_every_call_and_the_stored_words_of_the_one_that_was_cut(story: Story) -> None:
    story.assert_the_ledger_is_complete()


@pytest.mark.parametrize("deed", ["killed", "committing"])
def test_no_effect_happens_twice_and_each_that_was_told_of_once(
    deed: str, aftermath_of: Callable[[str], Aftermath]
) -> None:
    expected = {path: 1 for point in POINTS_OF[deed] for path in point.written}
    assert aftermath_of(deed).written == expected


def test_what_a_stopped_process_had_begun_happens_once_at_most(aftermath_of: Callable[[str], Aftermath]) -> None:
    """It may still finish what it was doing, of which nobody had known whether it took effect."""
    written = aftermath_of("stopped").written
    assert set(written.values()) == {1}
    assert {path for point in POINTS for path in point.written} <= set(written)


@pytest.mark.parametrize("deed", ["killed", "committing"])
def test_the_next_word_comes_soon_after_the_owner_counts_as_dead(
    deed: str, aftermath_of: Callable[[str], Aftermath]
) -> None:
    after = aftermath_of(deed)
    silences = [watcher.silence_after(each.since) for each in after.stories.values() for watcher in each.watchers]
    logger.info("%s: heard of again after %.2f s at most", deed, max(silences))
    assert max(silences) < HEARTBEAT + SOON


@pytest.mark.parametrize("deed", ["killed", "committing"])
def test_only_who_was_connected_to_the_killed_process_lost_the_connection(
    deed: str, aftermath_of: Callable[[str], Aftermath]
) -> None:
    for story in aftermath_of(deed).stories.values():
        assert [watcher.codes for watcher in story.watchers] == [[1006], []]
