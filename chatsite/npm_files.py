"""Serves files of npm packages as static files under `npm/`. script/server installs the packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core import checks
from django.core.files.storage import FileSystemStorage, Storage

PREFIX = "npm/"
HIGHLIGHT = "@highlightjs/cdn-assets/es"
LANGUAGES = """
    asciidoc awk bash c clojure cmake cpp crystal csharp css dart diff django dockerfile elixir elm erlang fortran
    fsharp go gradle graphql groovy haskell http ini java javascript json julia kotlin latex less lisp lua makefile
    markdown matlab nginx nix objectivec ocaml perl pgsql php powershell properties protobuf python r ruby rust scala
    scheme scss shell sql swift typescript vbnet verilog vhdl vim wasm x86asm xml yaml
""".split()  # noqa: SIM905  a list would take a line for each
FILES = {
    "markdown-it.mjs": "markdown-it/dist/browser/markdown-it.esm.min.mjs",
    "dompurify.mjs": "dompurify/dist/purify.min.js",
    "highlight.mjs": f"{HIGHLIGHT}/core.min.js",
    **{f"highlight/{name}.language.mjs": f"{HIGHLIGHT}/languages/{name}.min.js" for name in LANGUAGES},
    "temml.mjs": "temml/dist/temml.mjs",
}
"""The served names and their paths in node_modules. The files import nothing, so they are named .mjs, in which
collectstatic rewrites no URLs."""


class NpmStorage(FileSystemStorage):
    """Reads the files from node_modules by the names under which they are served."""

    prefix = PREFIX

    def path(self, name: str) -> str:
        return str(Path(self.location) / FILES[name])


class NpmFinder(BaseFinder):
    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        self.storage = NpmStorage(location=settings.NODE_MODULES)

    def check(self, **_kwargs: Any) -> list[checks.CheckMessage]:
        if all(map(self.storage.exists, FILES)):
            return []
        message = f"{settings.NODE_MODULES} lacks packages: answers are shown unformatted until they are complete"
        return [checks.Warning(message, hint="script/server installs them when it starts", id="chatsite.W012")]

    def find(self, path: str, find_all: bool = False, **_kwargs: Any) -> Any:
        name = path.removeprefix(PREFIX)
        exists = name != path and name in FILES and self.storage.exists(name)
        if find_all:
            return [self.storage.path(name)] if exists else []
        return self.storage.path(name) if exists else None

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, Storage]]:
        return ((name, self.storage) for name in FILES if self.storage.exists(name))
