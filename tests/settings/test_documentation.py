from __future__ import annotations

import re

from tests.settings.conftest import SETTINGS, Load

ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\| (.+) \|$", re.MULTILINE)


def test_configuration_md_lists_every_setting_with_its_default(load: Load) -> None:
    text = (SETTINGS.parent.parent / "docs" / "configuration.md").read_text()
    documented = [(name, default, "*Secret.*" in meaning) for name, default, meaning in ROW.findall(text)]
    declared = [(setting.name, setting.default, setting.secret) for setting in load()["env"].declared.values()]
    assert sorted(documented) == sorted(declared)
