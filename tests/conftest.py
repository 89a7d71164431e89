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
NEEDS: dict[str, Callable[[], str | None]] = {
    "requires_redis": missing_for_redis,
    "requires_postgres": missing_for_postgres,
    "browser": missing_for_chromium,
    "requires_litellm": missing_for_litellm,
    "requires_node": missing_for_node,
}
IN_CI = bool(os.environ.get("CI"))
ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("chatsite", ANY_MACHINE, max_examples=30)
settings.register_profile("chatsite in CI", ANY_MACHINE, max_examples=200, derandomize=True, database=None)
settings.load_profile("chatsite in CI" if IN_CI else "chatsite")


def pytest_configure() -> None:
    guard_network()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if drives_browser(item):
            item.add_marker("browser")
        if uses_database(item):
            item.add_marker("uses_database")
    if elsewhere := [item for item in items if is_of_another_database(item)]:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]
    # Playwright's event loop stays in the main thread until the session ends, and no test can run one of its own in it.
    items.sort(key=drives_browser)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesInOrder:
    return FilesInOrder(config, log)


def drives_browser(item: pytest.Item) -> bool:
    return "playwright" in getattr(item, "fixturenames", ())


def uses_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or "db" in fixtures or "transactional_db" in fixtures


def is_of_another_database(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("only_on")
    return marker is not None and connection.vendor not in marker.args


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, missing in NEEDS.items():
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
    """In CI nothing may be skipped: what a test needs has to be there."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not take: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": headless_chromium(), "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """PostgreSQL refuses to drop a database while anybody is connected, and here goes as a whole."""
    return bool(connection.vendor == "postgresql")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """One for the tests of a file, which find there what the ones before have left."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    clone.install()
    return clone
