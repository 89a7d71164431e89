from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.programs import PROJECT
from tests.rerun import MAX_RERUNS

SETTINGS = "[pytest]\naddopts = -p xdist.plugin\nmarkers =\n    browser\n    faults\n"
FIRST_LINES = """
from pathlib import Path
import pytest

def fails_once(name):
    ran = Path(name)
    if not ran.exists():
        ran.touch()
        pytest.fail("the first time")
"""
PASSES = "def test_that_passes(): pass\n"
FAILS = "def test_that_fails(): pytest.fail('always')\n"
FAILS_ONCE = "def test_that_fails_once(): fails_once('plain')\n"
FLAKY_BROWSER = "@pytest.mark.browser\ndef test_of_a_page(): fails_once('page')\n"
FLAKY_FAULTS = """
@pytest.mark.faults
@pytest.mark.parametrize("how", ["a::b c"])
def test_of_a_server(how): fails_once("server")
"""
BROKEN_BROWSER = "@pytest.mark.browser\ndef test_of_a_broken_page(): pytest.fail('always')\n"


@dataclass
class Run:
    code: int
    lines: list[str]

    @property
    def flaky(self) -> list[str]:
        return [line for line in self.lines if line.startswith("FLAKY")]


class Suite:
    """A pytest project with one test file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pytest.ini").write_text(SETTINGS)

    def run(self, *tests: str, ci: bool = True, workers: int = 0) -> Run:
        (self.folder / "test_it.py").write_text(FIRST_LINES + "\n".join(tests))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
        environment |= {"PYTHONPATH": str(PROJECT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | ({"CI": "1"} if ci else {})
        done = subprocess.run(
            [sys.executable, "-m", "tests.rerun", f"-n{workers}"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return Run(done.returncode, done.stdout.splitlines())


pytestmark = pytest.mark.slow


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


@pytest.mark.parametrize("workers", [0, 2])
def test_flaky_browser_and_fault_tests_do_not_fail_the_run_and_are_listed_at_its_end(
    suite: Suite, workers: int
) -> None:
    run = suite.run(PASSES, FLAKY_BROWSER, FLAKY_FAULTS, workers=workers)
    assert run.code == 0
    assert sorted(run.lines[-2:]) == [
        "FLAKY: test_it.py::test_of_a_page",
        "FLAKY: test_it.py::test_of_a_server[a::b c]",
    ]
    assert "2 failed, 1 passed" in run.lines[-3]


def test_a_test_that_fails_again_fails_the_run_with_its_reason(suite: Suite) -> None:
    run = suite.run(FLAKY_BROWSER, BROKEN_BROWSER)
    assert run.code == 1
    assert run.flaky == ["FLAKY: test_it.py::test_of_a_page"]
    assert run.lines.count("E   Failed: always") == 2


@pytest.mark.parametrize("other", [FAILS, FAILS_ONCE])
def test_nothing_is_rerun_when_another_test_failed(suite: Suite, other: str) -> None:
    run = suite.run(FLAKY_BROWSER, other)
    assert run.code == 1
    assert run.flaky == []


def test_nothing_is_rerun_when_a_test_file_cannot_be_imported(suite: Suite) -> None:
    (suite.folder / "test_broken.py").write_text("import nothing_of_that_name")
    run = suite.run(FLAKY_BROWSER, workers=2)
    assert run.code != 0
    assert run.flaky == []


@pytest.mark.parametrize(("count", "code"), [(MAX_RERUNS, 0), (MAX_RERUNS + 1, 1)])
def test_nothing_is_rerun_when_too_many_tests_failed(suite: Suite, count: int, code: int) -> None:
    run = suite.run(
        *(f"@pytest.mark.browser\ndef test_{number}(): fails_once('{number}')\n" for number in range(count))
    )
    assert run.code == code
    assert len(run.flaky) == (count if code == 0 else 0)


def test_nothing_is_rerun_outside_ci(suite: Suite) -> None:
    run = suite.run(FLAKY_BROWSER, ci=False)
    assert run.code == 1
    assert run.flaky == []
    assert "1 failed" in run.lines[-1]


def test_a_run_without_failures_is_unchanged(suite: Suite) -> None:
    run = suite.run(PASSES)
    assert run.code == 0
    assert "1 passed" in run.lines[-1]
