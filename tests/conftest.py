from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from tests.clone import Clone
from tests.loopback import guard_network
from tests.postgres import missing_for_postgres
from tests.programs import headless_chromium, missing_for_chromium, missing_for_litellm, missing_for_node
from tests.redis import missing_for_redis
from tests.scheduling import FilesInOrder

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
REQUIREMENTS: dict[str, Callable[[], str | None]] = {
    "requires_redis": missing_for_redis,
    "requires_postgres": missing_for_postgres,
    "browser": missing_for_chromium,
    "requires_litellm": missing_for_litellm,
    "requires_node": missing_for_node,
}
IN_CI = bool(os.environ.get("CI"))
HYPOTHESIS_SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("chatsite", HYPOTHESIS_SETTINGS, max_examples=30)
settings.register_profile("chatsite in CI", HYPOTHESIS_SETTINGS, max_examples=200, derandomize=True, database=None)
settings.load_profile("chatsite in CI" if IN_CI else "chatsite")


def pytest_configure() -> None:
    guard_network()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if drives_browser(item):
            item.add_marker("browser")
        if uses_database(item):
            item.add_marker("uses_database")
    if deselected := [item for item in items if is_for_another_database(item)]:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]
    # Playwright's event loop occupies the main thread until the session ends, and blocks asyncio tests from then on.
    items.sort(key=drives_browser)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesInOrder:
    return FilesInOrder(config, log)


def drives_browser(item: pytest.Item) -> bool:
    return "playwright" in getattr(item, "fixturenames", ())


def uses_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or "db" in fixtures or "transactional_db" in fixtures


def is_for_another_database(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("only_on")
    return marker is not None and connection.vendor not in marker.args


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, missing in REQUIREMENTS.items():
        if item.get_closest_marker(marker) and (reason := missing()):
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return failed_if_skipped(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return failed_if_skipped(report)


def failed_if_skipped(report: Report) -> Report:
    """Turns skipped tests into failures in CI, where everything that tests need must be installed."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": headless_chromium(), "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Keeps PostgreSQL's test database, which cannot be dropped while connections are open; its server is temporary."""
    return bool(connection.vendor == "postgresql")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Returns an installed clone shared by the tests of a file, with the changes of earlier tests."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    clone.install()
    return clone
