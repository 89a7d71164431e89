"""Measures the size of the chat page's scripts and styles as a browser loads them, compressed.

Scripts include those that the page's scripts import, and those they load by themselves after the page. Scripts that
are loaded on demand (syntax highlighting, formulas) are counted separately.
"""

from __future__ import annotations

import benchmarks.rig.site  # noqa: F401  # isort: skip  it sets Django up

import re
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.test import Client

from accounts.models import User
from benchmarks.rig.report import Figure, Report, option_parser
from chatsite.preparation import collect_static_files

BAR_KB = 150.0
STATIC_IMPORT = re.compile(r"""(?:^|[\s;])(?:import|export)\b[^;"']*?["'](\.[^"']+)["'];""", re.MULTILINE)
DYNAMIC_IMPORT = re.compile(r"""\bimport\(["'](\.[^"']+)["']\)""")
EAGER_IMPORTS = {"conversations/streaming-markdown.js": {"conversations/markdown.js"}}
"""Dynamic imports that always run after the page is loaded, by module; names without hashes."""


class StaticFiles:
    """Collected static files, identified by their path below STATIC_ROOT."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def size(self, paths: Iterable[str]) -> float:
        """Returns the transferred size in KB: compressed, unless that is larger."""
        return sum(min(self._sizes(path)) for path in paths) / 1024

    def loaded_with(self, entries: Iterable[str]) -> set[str]:
        """Returns these modules with all that they import, statically or eagerly."""
        found: set[str] = set()
        waiting = list(entries)
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                waiting += self._imports(module, STATIC_IMPORT) + self._eager_imports(module)
        return found

    def loaded_on_demand(self, modules: Iterable[str]) -> dict[str, set[str]]:
        """Returns the modules that these import on demand, by name without hash, each with all that it imports."""
        loaded = set(modules)
        return {
            plain_name(target): self.loaded_with([target]) - loaded
            for module in loaded
            for target in self._imports(module, DYNAMIC_IMPORT)
            if target not in loaded
        }

    def _eager_imports(self, module: str) -> list[str]:
        eager = EAGER_IMPORTS.get(plain_name(module), set())
        return [target for target in self._imports(module, DYNAMIC_IMPORT) if plain_name(target) in eager]

    def _imports(self, module: str, pattern: re.Pattern[str]) -> list[str]:
        file = self.root / module
        text = re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL) if file.suffix == ".js" else ""
        folder = file.parent
        return [str((folder / target).resolve().relative_to(self.root.resolve())) for target in pattern.findall(text)]

    def _sizes(self, name: str) -> list[int]:
        file = self.root / name
        return [path.stat().st_size for path in (file, Path(f"{file}.gz")) if path.exists()]


def plain_name(path: str) -> str:
    return re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", path)


def chat_page() -> str:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_user("page-weight"))
    return client.get("/").content.decode()


def measure(root: Path, report: Report) -> None:
    files, page = StaticFiles(root), chat_page()
    addresses = re.findall(r'(?:src|href)="/static/([^"#]+\.(?:js|css))"', page)
    styles = {path for path in addresses if path.endswith(".css")}
    scripts = files.loaded_with(path for path in addresses if path.endswith(".js"))
    on_demand = files.loaded_on_demand(scripts)
    formulas = next(modules for name, modules in on_demand.items() if name.endswith("temml.mjs"))
    highlighting = next(modules for name, modules in on_demand.items() if name.endswith("highlighter.js"))
    report.add(Figure("scripts of the chat page, compressed", "KB", files.size(scripts), bar=BAR_KB))
    report.add(Figure("requests for scripts", "", len(scripts)))
    report.add(Figure("styles of the chat page, compressed", "KB", files.size(styles)))
    report.add(Figure("loaded with the first formula", "KB", files.size(formulas)))
    report.add(Figure("loaded with the first code (plus its language)", "KB", files.size(highlighting)))
    report.details["scripts"] = {
        plain_name(path): round(files.size([path]), 1) for path in sorted(scripts, key=plain_name)
    }


def main() -> None:
    options = option_parser(__doc__).parse_args()
    report = Report("page_weight")
    collect_static_files()
    measure(settings.STATIC_ROOT, report)
    report.finish(options.results)


if __name__ == "__main__":
    main()
