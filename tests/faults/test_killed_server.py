"""SIGKILL at every point of a run and a restart, with clients that reconnect and without clients."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.deployment import Deployment, Template
from tests.faults.points import COMMIT_POINTS, POINTS, Point
from tests.faults.scenarios import RunResult, ScenarioResult, kill_all_at_once, kill_one_by_one, run_once
from tests.faults.waiting import MAX_DELAY

pytestmark = pytest.mark.faults

SCENARIOS = {"watched": POINTS, "unwatched": POINTS, "committing": COMMIT_POINTS}
CASES = [
    pytest.param((scenario, point), id=f"{scenario}, {point}")
    for scenario, points in SCENARIOS.items()
    for point in points
]
in_every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def result_of(tmp_path_factory: pytest.TempPathFactory, template: Template) -> Callable[[str], ScenarioResult]:
    """Returns the result of each of SCENARIOS, which are run once."""

    @run_once
    def run_scenario(scenario: str) -> ScenarioResult:
        deployment = Deployment(tmp_path_factory.mktemp(scenario), template)
        if scenario == "committing":
            return asyncio.run(kill_one_by_one(deployment, COMMIT_POINTS))
        return asyncio.run(kill_all_at_once(deployment, POINTS, watched=scenario == "watched"))

    return run_scenario


@pytest.fixture
def run_result(case: tuple[str, Point], result_of: Callable[[str], ScenarioResult]) -> RunResult:
    scenario, point = case
    return result_of(scenario).run_results[point]


@in_every_case
def test_the_answer_arrives(run_result: RunResult) -> None:
    run_result.assert_answer_is_complete()


@in_every_case
def test_watchers_end_with_the_stored_answer(run_result: RunResult) -> None:
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


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_tool_effect_happens_twice(scenario: str, result_of: Callable[[str], ScenarioResult]) -> None:
    assert result_of(scenario).effects == Counter(path for point in SCENARIOS[scenario] for path in point.effects)


@pytest.mark.parametrize("scenario", ["watched", "committing"])
def test_connected_clients_have_the_answer_soon_after_the_restart(
    scenario: str, result_of: Callable[[str], ScenarioResult]
) -> None:
    for run_result in result_of(scenario).run_results.values():
        for watcher in run_result.watchers:
            assert watcher.close_codes == [1006]
            assert watcher.ended_at - run_result.since < MAX_DELAY
