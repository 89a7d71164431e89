from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.programs import PROJECT

SAFE = {"name": "django", "version": "5.2", "vulns": []}
VULNERABLE = {"name": "django", "version": "5.2", "vulns": [{"id": "CVE-1", "fix_versions": ["5.3"]}]}
UNKNOWN = {"name": "django", "skip_reason": "Dependency not found on PyPI and could not be audited: django (5.2)"}
NPM_SAFE: dict[str, Any] = {"vulnerabilities": {}}
NPM_VULNERABLE = {"vulnerabilities": {"katex": {"severity": "high", "range": "<1"}}}


class Registries:
    """Programs in a folder, with which alone script/audit.py runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, program: str, output: str, *, errors: str = "", code: int = 0) -> None:
        said = self._folder / f"{program}.output"
        said.write_text(output)
        file = self._folder / program
        file.write_text(
            f"#!/bin/sh\necho '{errors}' >&2\nwhile read -r line; do echo \"$line\"; done <'{said}'\nexit {code}\n"
        )
        file.chmod(0o755)

    def audit(self) -> tuple[int, list[str]]:
        """The exit code and the lines that it prints."""
        command = [sys.executable, "script/audit.py"]
        path = {"PATH": str(self._folder)}
        ended = subprocess.run(command, cwd=PROJECT, env=path, capture_output=True, text=True, check=False)
        assert ended.stderr == ""
        return ended.returncode, ended.stdout.splitlines()


@pytest.fixture
def registries(tmp_path: Path) -> Registries:
    """Nothing of what they have is vulnerable."""
    made = Registries(tmp_path)
    made.add("pip-audit", json.dumps({"dependencies": [SAFE]}) + "\n")
    made.add("npm", json.dumps(NPM_SAFE) + "\n")
    return made


def test_nothing_is_said_where_there_is_none(registries: Registries) -> None:
    assert registries.audit() == (0, [])


def test_one_of_a_python_package_fails(registries: Registries) -> None:
    registries.add("pip-audit", json.dumps({"dependencies": [VULNERABLE, UNKNOWN]}) + "\n", code=1)
    unknown = "PyPI has no data about 1 of 2 packages."
    assert registries.audit() == (1, [unknown, "django 5.2: CVE-1, fixed in 5.3"])


def test_one_of_a_package_of_the_page_fails(registries: Registries) -> None:
    registries.add("npm", json.dumps(NPM_VULNERABLE) + "\n", code=1)
    assert registries.audit() == (1, ["katex <1: high"])


def test_a_registry_that_does_not_answer_is_named_in_a_line_and_does_not_fail(registries: Registries) -> None:
    registries.add("pip-audit", "", errors="Connection refused", code=1)
    registries.add("npm", json.dumps({"message": "405 Method Not Allowed", "statusCode": 405}) + "\n", code=1)
    assert registries.audit() == (
        0,
        [
            "PyPI cannot be asked for vulnerabilities: Connection refused",
            "npm cannot be asked for vulnerabilities: 405 Method Not Allowed",
        ],
    )


def test_so_is_one_that_knows_none_of_the_packages(registries: Registries) -> None:
    registries.add("pip-audit", json.dumps({"dependencies": [UNKNOWN, UNKNOWN]}) + "\n")
    assert registries.audit() == (0, ["PyPI has no data about 2 of 2 packages."])


def test_without_npm_that_is_said(registries: Registries, tmp_path: Path) -> None:
    (tmp_path / "npm").unlink()
    assert registries.audit() == (0, ["npm cannot be asked for vulnerabilities: npm is not installed"])
