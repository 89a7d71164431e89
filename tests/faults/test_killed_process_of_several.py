"""SIGKILL to the owner of a run at every point of the run: another process continues it, and its watchers follow.

A process that is suspended for longer than its lease counts as dead, and does no harm when it is resumed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from tests.faults.cluster import HEARTBEAT, PostgresTemplate, new_cluster
from tests.faults.points import COMMIT_POINTS, POINTS, Point
from tests.faults.scenarios import (
    RunResult,
    ScenarioResult,
    kill_the_owner_of_all,
    kill_the_owner_of_each,
    run_once,
    suspend_the_owner_of_all,
)
from tests.faults.waiting import MAX_DELAY
from tests.redis import RedisServer

logger = logging.getLogger(__name__)

pytestmark = [pytest.mark.faults, pytest.mark.requires_postgres, pytest.mark.requires_redis]

SCENARIOS = {
    "killed": kill_the_owner_of_all,
    "committing": kill_the_owner_of_each,
    "suspended": suspend_the_owner_of_all,
}
POINTS_OF = {"killed": POINTS, "committing": COMMIT_POINTS, "suspended": POINTS}
CASES = [
    pytest.param((scenario, point), id=f"{scenario}, {point}")
    for scenario in SCENARIOS
    for point in POINTS_OF[scenario]
]

in_every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def result_of(
    tmp_path_factory: pytest.TempPathFactory, postgres_template: PostgresTemplate, redis: RedisServer
) -> Callable[[str], ScenarioResult]:
    """Returns the result of each of SCENARIOS, which are run once."""

    @run_once
    def run_scenario(scenario: str) -> ScenarioResult:
        with new_cluster(tmp_path_factory.mktemp(scenario), postgres_template, redis) as cluster:
            return asyncio.run(SCENARIOS[scenario](cluster, POINTS_OF[scenario]))

    return run_scenario


@pytest.fixture
def run_result(case: tuple[str, Point], result_of: Callable[[str], ScenarioResult]) -> RunResult:
    scenario, point = case
    return result_of(scenario).run_results[point]


@in_every_case
def test_the_answer_arrives(run_result: RunResult) -> None:
    run_result.assert_answer_is_complete()


@in_every_case
def test_watchers_on_every_process_end_with_the_stored_answer(run_result: RunResult) -> None:
    run_result.assert_watchers_have_the_stored_steps()


@in_every_case
def test_finished_model_calls_are_not_repeated(run_result: RunResult) -> None:
    run_result.assert_finished_model_calls_are_not_repeated()


@in_every_case
def test_tool_calls_with_an_unknown_outcome_are_reported_as_unknown(run_result: RunResult) -> None:
    run_result.assert_unknown_outcomes_are_reported()


@in_every_case
def test_the_ledger_has_every_model_call_and_the_stored_text_of_the_interrupted_one(run_result: RunResult) -> None:
    run_result.assert_ledger_is_complete()


@pytest.mark.parametrize("scenario", ["killed", "committing"])
def test_no_tool_effect_happens_twice_and_each_reported_one_happens_once(
    scenario: str, result_of: Callable[[str], ScenarioResult]
) -> None:
    expected = {path: 1 for point in POINTS_OF[scenario] for path in point.effects}
    assert result_of(scenario).effects == expected


def test_effects_that_a_suspended_process_had_begun_happen_at_most_once(
    result_of: Callable[[str], ScenarioResult],
) -> None:
    """It may still finish the tool calls that were reported as unknown."""
    effects = result_of("suspended").effects
    assert set(effects.values()) == {1}
    assert {path for point in POINTS for path in point.effects} <= set(effects)


@pytest.mark.parametrize("scenario", ["killed", "committing"])
def test_the_answer_continues_soon_after_the_owner_counts_as_dead(
    scenario: str, result_of: Callable[[str], ScenarioResult]
) -> None:
    result = result_of(scenario)
    silences = [watcher.silence_after(each.since) for each in result.run_results.values() for watcher in each.watchers]
    logger.info("%s: next notification after %.2f s at most", scenario, max(silences))
    assert max(silences) < HEARTBEAT + MAX_DELAY


@pytest.mark.parametrize("scenario", ["killed", "committing"])
def test_only_clients_of_the_killed_process_lose_their_connection(
    scenario: str, result_of: Callable[[str], ScenarioResult]
) -> None:
    for run_result in result_of(scenario).run_results.values():
        assert [watcher.close_codes for watcher in run_result.watchers] == [[1006], []]
