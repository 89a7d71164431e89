"""script/check reports problems in translation catalogs."""

from __future__ import annotations

import runpy

import polib
import pytest

from tests.clone import PROJECT

FIND_PROBLEMS = runpy.run_path(str(PROJECT / "script" / "catalogs.py"))["find_problems"]


def catalog(**entries: str) -> polib.POFile:
    found = polib.POFile()
    for text, translation in entries.items():
        found.append(polib.POEntry(msgid=text, msgstr=translation))
    return found


def test_a_complete_catalog_has_no_problems() -> None:
    assert list(FIND_PROBLEMS(catalog(Save="保存"), catalog(Save="保存"))) == []


@pytest.mark.parametrize(
    ("ours", "problem"),
    [
        ({}, "lacks 'Save'"),
        ({"Save": "保存", "Gone": "没了"}, "has 'Gone', which is no longer used"),
        ({"Save": ""}, "does not translate 'Save'"),
    ],
)
def test_each_problem_is_named(ours: dict[str, str], problem: str) -> None:
    assert list(FIND_PROBLEMS(catalog(**ours), catalog(Save=""))) == [problem]


def test_a_fuzzy_entry_does_not_count_as_a_translation() -> None:
    guessed = polib.POFile()
    guessed.append(polib.POEntry(msgid="Save", msgstr="保存", flags=["fuzzy"]))
    assert list(FIND_PROBLEMS(guessed, catalog(Save=""))) == ["does not translate 'Save'"]


@pytest.mark.parametrize("translation", ["已有 {m} 个", "已有 %(n)s 个", "已有"])
def test_a_translation_that_changes_a_placeholder_is_a_problem(translation: str) -> None:
    text = "{n} found"
    assert list(FIND_PROBLEMS(catalog(**{text: translation}), catalog(**{text: ""}))) == [
        "has other placeholders than '{n} found'"
    ]
    assert list(FIND_PROBLEMS(catalog(**{text: "已有 {n} 个"}), catalog(**{text: ""}))) == []
