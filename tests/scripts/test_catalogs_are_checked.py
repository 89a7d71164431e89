"""script/check tells what a catalog lacks."""

from __future__ import annotations

import runpy

import polib
import pytest

from tests.clone import PROJECT

FIND_PROBLEMS = runpy.run_path(str(PROJECT / "script" / "catalogs.py"))["find_problems"]


def catalog(**entries: str) -> polib.POFile:
    found = polib.POFile()
    for text, said in entries.items():
        found.append(polib.POEntry(msgid=text, msgstr=said))
    return found


def test_a_complete_one_has_no_faults() -> None:
    assert list(FIND_PROBLEMS(catalog(Save="保存"), catalog(Save="保存"))) == []


@pytest.mark.parametrize(
    ("ours", "fault"),
    [
        ({}, "lacks 'Save'"),
        ({"Save": "保存", "Gone": "没了"}, "has 'Gone', which is no longer used"),
        ({"Save": ""}, "does not translate 'Save'"),
    ],
)
def test_each_fault_is_named(ours: dict[str, str], fault: str) -> None:
    assert list(FIND_PROBLEMS(catalog(**ours), catalog(Save=""))) == [fault]


def test_a_guess_that_nobody_has_looked_at_is_no_translation() -> None:
    guessed = polib.POFile()
    guessed.append(polib.POEntry(msgid="Save", msgstr="保存", flags=["fuzzy"]))
    assert list(FIND_PROBLEMS(guessed, catalog(Save=""))) == ["does not translate 'Save'"]


@pytest.mark.parametrize("said", ["已有 {m} 个", "已有 %(n)s 个", "已有"])
def test_placeholders_stay_as_they_are(said: str) -> None:
    text = "{n} found"
    assert list(FIND_PROBLEMS(catalog(**{text: said}), catalog(**{text: ""}))) == [
        "has other placeholders than '{n} found'"
    ]
    assert list(FIND_PROBLEMS(catalog(**{text: "已有 {n} 个"}), catalog(**{text: ""}))) == []
