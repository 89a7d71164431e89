"""Compiles the translations of locale/ into the folder that Django reads them from."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import polib


def compile_translations(sources: Path, target: Path) -> None:
    """Compiles every catalog that has changed since it was compiled. Safe to run in several processes at once."""
    for source in sources.glob("*/LC_MESSAGES/*.po"):
        compiled = (target / source.relative_to(sources)).with_suffix(".mo")
        modified = source.stat().st_mtime_ns
        if compiled.exists() and compiled.stat().st_mtime_ns == modified:
            continue
        compiled.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=compiled.parent, delete=False) as file:
            file.write(polib.pofile(str(source)).to_binary())
        os.utime(file.name, ns=(modified, modified))
        os.replace(file.name, compiled)
