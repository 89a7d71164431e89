"""Finds the external programs that some tests need, and says how to install missing ones."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

PLAYWRIGHT_BROWSERS = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)
PROJECT = Path(__file__).resolve().parent.parent
NODE_MODULES = PROJECT / "node_modules"
LITELLM = PROJECT / "var" / "litellm-venv" / "bin" / "litellm"
MIN_NODE_VERSION = (20, 15)


@cache
def chromium() -> str | None:
    """Returns the browser's path: from `CHROMIUM`, else from the PATH, else the newest one installed by Playwright."""
    if named := os.environ.get("CHROMIUM"):
        return named
    if found := shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"):
        return found
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or playwright_folder())
    return max((str(path) for pattern in PLAYWRIGHT_BROWSERS for path in folder.glob(pattern)), default=None)


@cache
def headless_chromium() -> str | None:
    """Returns the path of Chromium's headless shell, which needs a third less CPU time, or else of Chromium.

    `CHROMIUM` overrides both.
    """
    shell = None if os.environ.get("CHROMIUM") else shutil.which("chromium-headless-shell")
    return shell or chromium()


def playwright_folder() -> Path:
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "ms-playwright"


@cache
def node() -> str | None:
    """Returns the path of Node.js, or None if it is missing or too old."""
    path = shutil.which("node")
    if path is None:
        return None
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", version)
    return path if found and (int(found[1]), int(found[2])) >= MIN_NODE_VERSION else None


def missing_for_chromium() -> str | None:
    """Returns what to install for browser tests, or None if nothing is missing."""
    return None if chromium() else "no Chromium found: run script/setup --system, or set CHROMIUM to the path of one"


def missing_for_node() -> str | None:
    """Returns what to install for tests with Node.js, or None if nothing is missing."""
    if not node():
        version = ".".join(map(str, MIN_NODE_VERSION))
        return f"no Node.js {version} or newer found: install it with npm, then run script/setup"
    # script/server installs only the packages that pages use
    return None if (NODE_MODULES / "axe-core").is_dir() else "node_modules lacks packages for tests: run script/setup"


def missing_for_litellm() -> str | None:
    """Returns what to install for tests with LiteLLM's proxy, or None if nothing is missing."""
    return None if LITELLM.is_file() else "LiteLLM's proxy is not installed: run script/setup-litellm"
