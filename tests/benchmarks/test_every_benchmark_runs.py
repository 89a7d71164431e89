"""A short run of each benchmark succeeds, with all its figures and with plausible values."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SHORT = {
    "relay": ["--n", "2", "--tokens", "20", "--rate", "200", "--questions", "2"],
    "memory": ["--sockets", "10", "--streams", "2", "--tokens", "20", "--rate", "200"],
    "store": ["--at-once", "1", "3", "--rounds", "1"],
    "growth": ["--tokens", "50", "--factors", "1", "2", "--rounds", "1"],
    "pages": ["--messages", "4", "--conversations", "3", "--rounds", "2"],
    "page_weight": [],
    "browser": ["--messages", "4", "--rounds", "2", "--size", "3000"],
    "cluster": ["--n", "2", "--tokens", "20", "--rate", "200", "--rounds", "1"],
}
pytestmark = [pytest.mark.slow, pytest.mark.requires_redis, pytest.mark.browser]


async def run(name: str, folder: Path) -> dict[str, Any]:
    """Runs the benchmark and returns the JSON that it writes."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *SHORT[name], "--results", str(folder)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, stderr=pipe)
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    for what in ("bar", "figure"):
        assert what in output.decode()
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return found


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Returns the results of all benchmarks, run concurrently, since the measured values do not matter here."""
    folder = tmp_path_factory.mktemp("results")

    async def run_all() -> list[dict[str, Any]]:
        return await asyncio.gather(*(run(name, folder) for name in SHORT))

    return dict(zip(SHORT, asyncio.run(run_all()), strict=True))


def test_every_benchmark_of_the_package_is_tested() -> None:
    modules = {path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")}
    assert modules == set(SHORT)


@pytest.mark.parametrize("name", SHORT)
def test_every_figure_is_present_and_not_negative(results: dict[str, dict[str, Any]], name: str) -> None:
    figures = results[name]["figures"]
    assert len(figures) >= 3
    for figure in figures:
        assert figure["value"] is not None, figure
        assert figure["value"] >= 0, figure
        assert figure["ratio"] is None or figure["floor"] > 0, figure


@pytest.mark.parametrize("name", SHORT)
def test_a_result_has_the_date_and_an_anonymous_machine_description(
    results: dict[str, dict[str, Any]], name: str
) -> None:
    result = results[name]
    assert result["benchmark"] == name
    assert result["date"].endswith("+00:00")
    assert set(result["machine"]) == {"cores", "architecture", "system", "python", "load_average_before"}
    assert str(ROOT) not in json.dumps(result)


def test_the_relay_delivers_every_token_of_every_answer_once(results: dict[str, dict[str, Any]]) -> None:
    measurements = results["relay"]["details"]["measurements"]
    assert [one["server"] for one in measurements] == ["product", "bare", "bare, 50 ms"]
    for one in measurements:
        figures = one["figures"]
        assert (figures["asked"], figures["complete"], figures["errors"]) == (2, 2, 0)
        assert figures["tokens"] == 2 * 20
        assert 0 < figures["frames_per_answer"] < 100
        assert figures["bytes_per_answer"] > 20 * 8
        assert 0 <= figures["delay_ms"]["p50"] <= figures["delay_ms"]["p99"] < 5_000
        assert 0 < figures["request_ms"]["p50"] <= figures["first_token_ms"]["p50"] < 10_000
        assert 5 < one["idle_mb"] <= one["peak_mb"] < 1_000


def test_a_bare_consumer_that_merges_sends_fewer_frames(results: dict[str, dict[str, Any]]) -> None:
    _, bare, merged = (one["figures"]["frames_per_answer"] for one in results["relay"]["details"]["measurements"])
    assert merged < bare


def test_answers_are_complete_when_another_process_delivers_them(results: dict[str, dict[str, Any]]) -> None:
    rounds = results["cluster"]["details"]["rounds"]
    assert {name: shown["tokens"] for name, (shown,) in rounds.items()} == {"here": 40, "elsewhere": 40, "both": 40}


def test_the_pages_benchmark_counts_queries(results: dict[str, dict[str, Any]]) -> None:
    queries = [figure["value"] for figure in results["pages"]["figures"] if figure["unit"] == "queries"]
    assert len(queries) == 2
    assert all(1 <= count < 30 for count in queries)
