"""kill -9 at every point of a run, and a start: with clients that come back, and with none."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.deployment import Deployment, Template
from tests.faults.points import COMMITS, POINTS, Point
from tests.faults.stories import Aftermath, Story, kill_all_at_once, kill_one_by_one, once
from tests.faults.waiting import SOON

pytestmark = pytest.mark.faults

KILLS = {"watched": POINTS, "unwatched": POINTS, "committing": COMMITS}
CASES = [pytest.param((kill, point), id=f"{kill}, {point}") for kill, points in KILLS.items() for point in points]
in_every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def aftermath_of(tmp_path_factory: pytest.TempPathFactory, template: Template) -> Callable[[str], Aftermath]:
    """What comes after each of KILLS, which happens once."""

    @once
    def after(kill: str) -> Aftermath:
        deployment = Deployment(tmp_path_factory.mktemp(kill), template)
        if kill == "committing":
            return asyncio.run(kill_one_by_one(deployment, COMMITS))
        return asyncio.run(kill_all_at_once(deployment, POINTS, watched=kill == "watched"))

    return after


@pytest.fixture
def story(case: tuple[str, Point], aftermath_of: Callable[[str], Aftermath]) -> Story:
    kill, point = case
    return aftermath_of(kill).stories[point]


@in_every_case
def test_the_answer_arrives(story: Story) -> None:
    story.assert_it_arrived()


@in_every_case
def test_who_watches_ends_with_what_is_stored(story: Story) -> None:
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


@pytest.mark.parametrize("kill", KILLS)
def test_no_effect_happens_twice(kill: str, aftermath_of: Callable[[str], Aftermath]) -> None:
    assert aftermath_of(kill).written == Counter(path for point in KILLS[kill] for path in point.written)


@pytest.mark.parametrize("kill", ["watched", "committing"])
def test_who_is_connected_has_the_answer_soon_after_the_start(
    kill: str, aftermath_of: Callable[[str], Aftermath]
) -> None:
    for story in aftermath_of(kill).stories.values():
        for watcher in story.watchers:
            assert watcher.codes == [1006]
            assert watcher.ended_at - story.since < SOON
