"""Looks for known vulnerabilities in the packages that the product uses: `python script/audit.py`.

Ends with 1 if there are any. Where a registry does not answer, a line says so, and that is no failure.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

PIP_AUDIT = (
    "pip-audit",
    "-r",
    "requirements.txt",
    "--no-deps",
    "--disable-pip",
    "--progress-spinner=off",
    "-f",
    "json",
)
NPM_AUDIT = ("npm", "audit", "--omit=dev", "--json")
PATIENCE = 120
"""Seconds that a registry has to answer."""


class NoAnswerError(Exception):
    """A registry did not say what it knows of the packages."""


def output_of(command: Sequence[str]) -> dict[str, Any]:
    """The JSON object that the command prints, which ends with 1 also if it has found something."""
    if not shutil.which(command[0]):
        raise NoAnswerError(f"{command[0]} is not installed")
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)  # noqa: S603
        told: dict[str, Any] = json.loads(ended.stdout)
    except subprocess.TimeoutExpired:
        raise NoAnswerError(f"nothing within {PATIENCE} seconds") from None
    except ValueError:
        raise NoAnswerError(" ".join(ended.stderr.split())[-200:]) from None
    return told


def in_python_packages() -> list[str]:
    packages = output_of(PIP_AUDIT)["dependencies"]
    if unknown := sum("skip_reason" in package for package in packages):
        say(f"PyPI tells nothing of vulnerabilities in {unknown} of {len(packages)} packages.")
    return [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", [])
    ]


def in_page_packages() -> list[str]:
    told = output_of(NPM_AUDIT)
    if "vulnerabilities" not in told:
        raise NoAnswerError(told.get("message", "no vulnerabilities in its answer"))
    return [f"{name} {found['range']}: {found['severity']}" for name, found in told["vulnerabilities"].items()]


def say(line: str) -> None:
    print(line)  # noqa: T201


def main() -> int:
    """Returns the exit code."""
    vulnerabilities: list[str] = []
    for registry, look in (("PyPI", in_python_packages), ("npm", in_page_packages)):
        try:
            vulnerabilities += look()
        except NoAnswerError as reason:
            say(f"{registry} tells nothing of vulnerabilities: {reason}")
    for line in vulnerabilities:
        say(line)
    return 1 if vulnerabilities else 0


if __name__ == "__main__":
    sys.exit(main())
