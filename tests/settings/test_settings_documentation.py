from __future__ import annotations

import re
from typing import Any

import pytest

from chatsite.environment import Environment
from tests.settings.conftest import SETTINGS, Load

ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\| (.+) \|$", re.MULTILINE)


def test_configuration_md_lists_every_setting_with_its_default(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    declared: list[tuple[str, str, bool]] = []
    get = Environment.get

    def noted_get(self: Environment, name: str, default: Any, *arguments: Any, secret: bool = False) -> Any:
        declared.append((name, as_documented(default), secret))
        return get(self, name, default, *arguments, secret=secret)

    monkeypatch.setattr(Environment, "get", noted_get)
    load()

    text = (SETTINGS.parent.parent / "docs" / "configuration.md").read_text()
    documented = [(name, default, "*Secret.*" in meaning) for name, default, meaning in ROW.findall(text)]
    assert sorted(documented) == sorted(declared)


def as_documented(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return str(default) if isinstance(default, str | int | float) else ""
