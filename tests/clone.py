"""A clone of the project in its own folder, to run its scripts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
READY_LINE = re.compile(r"chatsite is ready: (http://127\.0\.0\.1:\d+/) \(Ctrl-C stops it\)")
FOLDERS = ("accounts", "chatsite", "conversations", "locale", "templates", "tools", "script")
FILES = ("manage.py", "requirements.txt", "package.json", "package-lock.json", ".npmrc")


class Clone:
    """A copy of the project as git clones it: without `.env`, `var/` and `.venv`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in FOLDERS:
            shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        for part in FILES:
            shutil.copy2(PROJECT / part, folder / part)

    @property
    def env_file(self) -> Path:
        return self.folder / ".env"

    def install(self) -> None:
        """Creates `.venv` and `node_modules` that look installed and use the packages of this test run."""
        venv = self.folder / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        packages = venv / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        (packages / "shared.pth").write_text(sysconfig.get_path("purelib"))
        (venv / "requirements.txt.installed").write_text(self._checksum("requirements.txt"))
        modules = self.folder / "node_modules"  # a real folder, so that scripts change only this clone
        modules.mkdir()
        for package in (PROJECT / "node_modules").glob("[!.]*"):
            (modules / package.name).symlink_to(package)
        (modules / ".installed").write_text(f"{self._checksum('package-lock.json').strip()} page\n")

    def _checksum(self, name: str) -> str:
        with (self.folder / name).open() as file:
            return subprocess.run(["cksum"], stdin=file, capture_output=True, check=True, text=True).stdout

    def environment(self, **changes: str) -> dict[str, str]:
        """Returns the environment of this process without the test settings."""
        test_settings = ("ENV_FILE", "SECRET_KEY", "VAR_DIR", "DJANGO_SETTINGS_MODULE", "CI")
        return {name: value for name, value in os.environ.items() if name not in test_settings} | changes

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def shell(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs shell code with the functions of script/lib.sh."""
        return self.run("sh", "-c", f". script/lib.sh; {script}", "script/line", **environment)

    @contextmanager
    def started(self, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Runs script/server in its own process group, as a terminal does."""
        with subprocess.Popen(
            ["script/server"],
            cwd=self.folder,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as server:
            try:
                yield server
            finally:
                server.kill()


def read_until_ready(server: subprocess.Popen[str]) -> tuple[list[str], str]:
    """Returns the output up to the line with the address, and the address. Raises AssertionError if there is none."""
    assert server.stdout is not None
    lines: list[str] = []
    for line in server.stdout:
        lines.append(line.rstrip("\n"))
        if found := READY_LINE.fullmatch(lines[-1]):
            return lines, found[1]
    raise AssertionError("\n".join(lines))
