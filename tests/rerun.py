"""Runs pytest, and in CI once more what failed of the browser and fault tests.

    python -m tests.rerun [pytest arguments]

These depend on several processes at once, which a machine can hold up in ways that no product can help. If each of
them passes on its own and nothing else failed, the whole run passes, and ends with a line `FLAKY: ...` for each.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator

import pytest

MARKERS = ("browser", "faults")
MAX_RERUNS = 10


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # An attribute of the report travels with it from a worker of pytest-xdist to the process that collects the reports
    report.may_rerun = any(item.get_closest_marker(name) for name in MARKERS)  # type: ignore[attr-defined]
    return report


class Failures:
    """What failed, as a plugin of pytest finds out."""

    def __init__(self) -> None:
        self.tests: list[str] = []
        """Node ids of tests that may be run again, without repetitions."""
        self.are_final = False
        """Whether something else failed."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not getattr(report, "may_rerun", False):
            self.are_final = True
        elif report.failed and report.nodeid not in self.tests:
            self.tests.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.are_final |= report.failed


def passes_alone(test: str) -> bool:
    """Prints what pytest says if it does not pass."""
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", test]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print(done.stdout)  # noqa: T201
    return done.returncode == 0


def main(arguments: list[str]) -> int:
    """Returns the exit code of pytest; 0 also if all that failed passes alone."""
    failures = Failures()
    code = int(pytest.main(["-p", "tests.rerun", *arguments], plugins=[failures]))
    if not os.environ.get("CI") or code != pytest.ExitCode.TESTS_FAILED:
        return code
    if failures.are_final or not 0 < len(failures.tests) <= MAX_RERUNS:
        return code
    flaky = [test for test in failures.tests if passes_alone(test)]
    for test in flaky:
        print(f"FLAKY: {test}")  # noqa: T201
    return 0 if flaky == failures.tests else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
