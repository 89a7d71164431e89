"""Reports known vulnerabilities in the packages that the product uses.

Exits with 1 if there are any. A registry that does not answer is reported, and is not a failure.
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
TIMEOUT = 120
"""Seconds that a registry may take."""


class NoAnswerError(Exception):
    """A registry did not answer."""


def output_of(command: Sequence[str]) -> dict[str, Any]:
    """Runs the command and returns the JSON object that it prints. Raises NoAnswerError."""
    if not shutil.which(command[0]):
        raise NoAnswerError(f"{command[0]} is not installed")
    try:
        completed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)  # noqa: S603
        output: dict[str, Any] = json.loads(completed.stdout)
    except subprocess.TimeoutExpired:
        raise NoAnswerError(f"no answer within {TIMEOUT} seconds") from None
    except ValueError:
        raise NoAnswerError(" ".join(completed.stderr.split())[-200:]) from None
    return output


def audit_python_packages() -> list[str]:
    packages = output_of(PIP_AUDIT)["dependencies"]
    if unknown := sum("skip_reason" in package for package in packages):
        say(f"PyPI has no data about {unknown} of {len(packages)} packages.")
    return [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", [])
    ]


def audit_page_packages() -> list[str]:
    output = output_of(NPM_AUDIT)
    if "vulnerabilities" not in output:
        raise NoAnswerError(output.get("message", "unexpected answer"))
    return [f"{name} {found['range']}: {found['severity']}" for name, found in output["vulnerabilities"].items()]


def say(line: str) -> None:
    print(line)  # noqa: T201


def main() -> int:
    """Returns the exit code."""
    vulnerabilities: list[str] = []
    for registry, audit in (("PyPI", audit_python_packages), ("npm", audit_page_packages)):
        try:
            vulnerabilities += audit()
        except NoAnswerError as error:
            say(f"{registry} cannot be asked for vulnerabilities: {error}")
    for line in vulnerabilities:
        say(line)
    return 1 if vulnerabilities else 0


if __name__ == "__main__":
    sys.exit(main())
