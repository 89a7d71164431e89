from __future__ import annotations

import os
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Load = Callable[..., dict[str, Any]]
SETTINGS = Path(__file__).resolve().parent.parent.parent / "chatsite" / "settings.py"


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / "env"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, env_file: Path) -> Load:
    """Returns a function that loads settings.py again with these environment variables."""

    def read(**environment: str) -> dict[str, Any]:
        monkeypatch.setenv("ENV_FILE", str(env_file))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        before = dict(os.environ)
        loaded = runpy.run_path(str(SETTINGS))
        assert dict(os.environ) == before, "reading settings changes no environment"
        return loaded

    return read
