"""The programs that some tests need of the system, and what to say where one is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

PLAYWRIGHTS_OWN = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)
PROJECT = Path(__file__).resolve().parent.parent
NODE_MODULES = PROJECT / "node_modules"
LITELLM = PROJECT / "var" / "litellm-venv" / "bin" / "litellm"
OLDEST_NODE = (20, 15)


@cache
def chromium() -> str | None:
    """The browser's path: `CHROMIUM`, else from the PATH, else the newest that Playwright has installed."""
    if named := os.environ.get("CHROMIUM"):
        return named
    if found := shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"):
        return found
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or playwright_folder())
    return max((str(path) for pattern in PLAYWRIGHTS_OWN for path in folder.glob(pattern)), default=None)


@cache
def headless_chromium() -> str | None:
    """The path of a browser without windows, which does the same with two thirds of the processor's time; else of any.

    `CHROMIUM` names another one.
    """
    shell = None if os.environ.get("CHROMIUM") else shutil.which("chromium-headless-shell")
    return shell or chromium()


def playwright_folder() -> Path:
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "ms-playwright"


@cache
def node() -> str | None:
    """The path of a Node.js that is new enough."""
    path = shutil.which("node")
    if path is None:
        return None
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", version)
    return path if found and (int(found[1]), int(found[2])) >= OLDEST_NODE else None


def missing_for_chromium() -> str | None:
    """What to install before a browser can be driven; None if it can be."""
    return None if chromium() else "no Chromium found: run script/setup --system, or set CHROMIUM to the path of one"


def missing_for_node() -> str | None:
    """What to install before programs of node_modules can run; None if they can."""
    if not node():
        return f"no Node.js from {OLDEST_NODE[0]}.{OLDEST_NODE[1]} up found: install it with npm, then run script/setup"
    # script/server installs only what pages are made with
    return None if (NODE_MODULES / "axe-core").is_dir() else "node_modules lacks what tests need: run script/setup"


def missing_for_litellm() -> str | None:
    """What to install before LiteLLM's proxy can run; None if it can."""
    return None if LITELLM.is_file() else "LiteLLM's proxy is not installed: run script/setup-litellm"
