"""Updates the message catalogs in locale/ from the source code (`update`), or reports their problems (`check`)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polib

PROJECT = Path(__file__).resolve().parent.parent
FOLDERS = ("accounts", "chatsite", "conversations", "templates", "tools")
"""Where `makemessages` looks for texts."""
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")

Key = tuple[str | None, str]


def main(command: str) -> int:
    if not shutil.which("xgettext"):
        sys.exit("gettext is missing: script/setup --system installs it")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        extract(folder)
        if command == "update":
            for file in folder.glob("locale/*/LC_MESSAGES/*.po"):
                save(polib.pofile(str(file), wrapwidth=100), PROJECT / file.relative_to(folder))
            return 0
        problems = [
            f"{file.relative_to(PROJECT)}: {problem}"
            for file in sorted((PROJECT / "locale").glob("*/LC_MESSAGES/*.po"))
            for problem in find_problems(polib.pofile(str(file)), polib.pofile(str(folder / file.relative_to(PROJECT))))
        ]
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201
    return int(bool(problems))


def extract(folder: Path) -> None:
    """Copies the catalogs to a folder and updates them there with Django's makemessages."""
    for name in (*FOLDERS, "locale"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--all", "--no-location", "--no-obsolete", "--verbosity", "0"]
    # The folder has no settings to load
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "django", "makemessages", *options]
    subprocess.run(command, cwd=folder, env=environment, check=True)  # noqa: S603


def save(catalog: polib.POFile, file: Path) -> None:
    """Saves a catalog without the fields that change with every extraction."""
    for name in ("Report-Msgid-Bugs-To", "POT-Creation-Date"):
        catalog.metadata.pop(name, None)
    file.parent.mkdir(parents=True, exist_ok=True)
    catalog.save(str(file))


def find_problems(catalog: polib.POFile, extracted: polib.POFile) -> Iterator[str]:
    """Yields what is wrong with a catalog, compared with one that has just been extracted."""
    entries, extracted_entries = entries_by_key(catalog), entries_by_key(extracted)
    for _, text in extracted_entries.keys() - entries.keys():
        yield f"lacks {text!r}"
    for _, text in entries.keys() - extracted_entries.keys():
        yield f"has {text!r}, which is no longer used"
    for key in entries.keys() & extracted_entries.keys():
        entry = entries[key]
        if not entry.translated():
            yield f"does not translate {entry.msgid!r}"
        elif not keeps_placeholders(entry):
            yield f"has other placeholders than {entry.msgid!r}"


def entries_by_key(catalog: polib.POFile) -> dict[Key, polib.POEntry]:
    return {(entry.msgctxt, entry.msgid): entry for entry in catalog if not entry.obsolete}


def keeps_placeholders(entry: polib.POEntry) -> bool:
    """Returns whether the translation has the placeholders of the text. A plural form may omit some of them."""
    expected = set(PLACEHOLDER.findall(entry.msgid)) | set(PLACEHOLDER.findall(entry.msgid_plural))
    if entry.msgid_plural:
        return all(set(PLACEHOLDER.findall(text)) <= expected for text in entry.msgstr_plural.values())
    return set(PLACEHOLDER.findall(entry.msgstr)) == expected


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
