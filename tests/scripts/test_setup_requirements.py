from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.clone import Clone

TOOLS = ("sh", "dirname", "cat", "cksum", "chmod", "grep", "tail", "id", "rm", "mkdir")


@pytest.fixture
def bare_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder for PATH with the basic system programs and no Python."""
    folder = tmp_path_factory.mktemp("bin")
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    return folder


def write_script(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_missing_python_is_reported(clone: Clone, bare_path: Path) -> None:
    ended = clone.run("script/server", PATH=str(bare_path))
    assert ended.returncode == 1
    assert ended.stderr.startswith("chatsite needs Python 3.11 or newer, but there is no python3. Install one")


def test_a_python_that_is_too_old_is_reported(clone: Clone, bare_path: Path) -> None:
    write_script(bare_path, "python3", 'if [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi')
    ended = clone.run("script/server", PATH=str(bare_path))
    assert ended.returncode == 1
    assert "needs Python 3.11 or newer, but there is Python 3.9.2" in ended.stderr


def test_a_newer_python_is_preferred_to_an_old_one(clone: Clone, bare_path: Path) -> None:
    write_script(bare_path, "python3", "exit 1")
    write_script(bare_path, "python3.12", "exit 0")
    assert clone.shell('find_python; say "$python"', PATH=str(bare_path)).stdout == "python3.12\n"


def test_a_python_without_the_venv_module_is_reported(clone: Clone, bare_path: Path) -> None:
    write_script(
        bare_path,
        "python3",
        'case "$*" in *ensurepip*) exit 1 ;; --version) echo Python 3.11.2 ;; esac',
    )
    ended = clone.run("script/server", PATH=str(bare_path))
    assert ended.returncode == 1
    assert ended.stderr == (
        "Python 3.11.2 is installed without its venv module."
        " Install it (on Debian and Ubuntu: apt install python3-venv) and start again.\n"
    )


@pytest.mark.slow
def test_packages_that_cannot_be_installed_are_reported(clone: Clone) -> None:
    clone.install()
    (clone.folder / "requirements.txt").write_text("chatsite-has-no-such-package==1\n")
    ended = clone.run("script/server", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert ended.returncode == 1
    assert ended.stderr.endswith("The packages of requirements.txt could not be installed. Is the network there?\n")


def test_an_old_node_is_reported_in_ci(clone: Clone, bare_path: Path) -> None:
    write_script(bare_path, "node", 'if [ "$1" = --version ]; then echo v18.20.4; else exit 1; fi')
    ended = clone.shell("install_node_packages", PATH=str(bare_path), CI="1")
    assert ended.returncode == 1
    assert ended.stderr == "The tests need Node.js 20 or newer with npm, and there is v18.20.4.\n"


@pytest.mark.requires_node
def test_a_recent_node_is_accepted(clone: Clone) -> None:
    assert clone.shell("has_node && say yes").stdout == "yes\n"


def test_setup_refuses_other_arguments_than_system(clone: Clone) -> None:
    ended = clone.run("script/setup", "--everything")
    assert (ended.returncode, ended.stderr) == (1, "usage: script/setup [--system]\n")


def test_scripts_work_from_any_folder(clone: Clone, bare_path: Path) -> None:
    script = clone.folder / "script" / "server"
    ended = clone.run("sh", "-c", 'cd / && exec "$0"', str(script), PATH=str(bare_path))
    assert "needs Python 3.11" in ended.stderr
