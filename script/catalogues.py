"""The catalogues of locale/: brings them up to date with the texts (`update`), or tells what they lack (`check`)."""

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
WITH_TEXTS = ("accounts", "chatsite", "conversations", "templates", "tools")
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")

Key = tuple[str | None, str]


def main(wanted: str) -> int:
    if not shutil.which("xgettext"):
        sys.exit("gettext is missing: script/setup --system installs it")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in (*WITH_TEXTS, "locale"):
            shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        extract(copy)
        if wanted == "update":
            for file in copy.glob("locale/*/LC_MESSAGES/*.po"):
                write(polib.pofile(str(file), wrapwidth=100), PROJECT / file.relative_to(copy))
            return 0
        complaints = [
            f"{file.relative_to(PROJECT)}: {complaint}"
            for file in sorted((PROJECT / "locale").glob("*/LC_MESSAGES/*.po"))
            for complaint in faults(polib.pofile(str(file)), polib.pofile(str(copy / file.relative_to(PROJECT))))
        ]
    for complaint in complaints:
        print(complaint, file=sys.stderr)  # noqa: T201
    return int(bool(complaints))


def extract(folder: Path) -> None:
    """Django's own way, in a folder without settings."""
    options = ["--all", "--no-location", "--no-obsolete", "--verbosity", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "django", "makemessages", *options]
    subprocess.run(command, cwd=folder, env=environment, check=True)  # noqa: S603


def write(catalogue: polib.POFile, file: Path) -> None:
    """Without the fields that change with every extraction."""
    for name in ("Report-Msgid-Bugs-To", "POT-Creation-Date"):
        catalogue.metadata.pop(name, None)
    file.parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(file))


def faults(ours: polib.POFile, extracted: polib.POFile) -> Iterator[str]:
    """What is wrong with a catalogue, beside the one that holds every text there is."""
    known, wanted = by_key(ours), by_key(extracted)
    for _, text in wanted.keys() - known.keys():
        yield f"lacks {text!r}"
    for _, text in known.keys() - wanted.keys():
        yield f"has {text!r}, which nothing says any more"
    for key in known.keys() & wanted.keys():
        entry = known[key]
        if not entry.translated():
            yield f"does not translate {entry.msgid!r}"
        elif not keeps_placeholders(entry):
            yield f"has other placeholders than {entry.msgid!r}"


def by_key(catalogue: polib.POFile) -> dict[Key, polib.POEntry]:
    return {(entry.msgctxt, entry.msgid): entry for entry in catalogue if not entry.obsolete}


def keeps_placeholders(entry: polib.POEntry) -> bool:
    """A form for one may leave out the number, but no form names what there is not."""
    asked = set(PLACEHOLDER.findall(entry.msgid)) | set(PLACEHOLDER.findall(entry.msgid_plural))
    if entry.msgid_plural:
        return all(set(PLACEHOLDER.findall(text)) <= asked for text in entry.msgstr_plural.values())
    return set(PLACEHOLDER.findall(entry.msgstr)) == asked


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
