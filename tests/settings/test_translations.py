from __future__ import annotations

import gettext
import os
from pathlib import Path

import pytest

from chatsite.translations import compile_translations

ENTRY = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Sign in"\nmsgstr "{}"\n'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "locale" / "de" / "LC_MESSAGES" / "django.po"
    file.parent.mkdir(parents=True)
    file.write_text(ENTRY.format("Anmelden"))
    return file


def compiled(tmp_path: Path) -> str:
    compile_translations(tmp_path / "locale", tmp_path / "var")
    return gettext.translation("django", tmp_path / "var", ["de"]).gettext("Sign in")


def test_a_catalog_is_compiled_again_when_it_changes(tmp_path: Path, source: Path) -> None:
    assert compiled(tmp_path) == "Anmelden"
    source.write_text(ENTRY.format("Einloggen"))
    os.utime(source, ns=(1, 1))  # an older one may come back
    gettext._translations.clear()  # type: ignore[attr-defined]
    assert compiled(tmp_path) == "Einloggen"


def test_an_unchanged_catalog_is_not_compiled_again(tmp_path: Path, source: Path) -> None:
    compiled(tmp_path)
    [file] = (tmp_path / "var").rglob("*.mo")
    before = file.stat().st_ino
    compiled(tmp_path)
    assert file.stat().st_ino == before
    assert list(file.parent.iterdir()) == [file]
