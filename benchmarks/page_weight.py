"""What the chat page makes a browser load: its scripts and styles, as they are served, compressed.

Scripts are what the page names and what those import, and what they load by themselves once the page is there; what is
loaded only when it is needed (the colours of code, formulas) is counted apart.
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
IMPORT = re.compile(r"""(?:^|[\s;])(?:import|export)\b[^;"']*?["'](\.[^"']+)["'];""", re.MULTILINE)
LATER = re.compile(r"""\bimport\(["'](\.[^"']+)["']\)""")
AT_START = {"conversations/live-text.js": {"conversations/markdown.js"}}
"""What modules import by themselves without anybody having asked for it, by names without hashes."""


class Served:
    """Collected static files; each is known by its path below STATIC_ROOT."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def size(self, paths: Iterable[str]) -> float:
        """KB as they travel: compressed, where that makes them smaller."""
        return sum(min(self._sizes(path)) for path in paths) / 1024

    def graph(self, entries: Iterable[str]) -> set[str]:
        """The modules that load with these, at once or at the start by themselves."""
        found: set[str] = set()
        waiting = list(entries)
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                waiting += self._imports(module, IMPORT) + self._at_start(module)
        return found

    def later(self, modules: Iterable[str]) -> dict[str, set[str]]:
        """What each of these may load when it is needed, by its name without the hash, with all that this imports."""
        at_start = set(modules)
        return {
            plain_name(target): self.graph([target]) - at_start
            for module in at_start
            for target in self._imports(module, LATER)
            if target not in at_start
        }

    def _at_start(self, module: str) -> list[str]:
        wanted = AT_START.get(plain_name(module), set())
        return [target for target in self._imports(module, LATER) if plain_name(target) in wanted]

    def _imports(self, module: str, how: re.Pattern[str]) -> list[str]:
        file = self.root / module
        text = re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL) if file.suffix == ".js" else ""
        folder = file.parent
        return [str((folder / target).resolve().relative_to(self.root.resolve())) for target in how.findall(text)]

    def _sizes(self, path: str) -> list[int]:
        file = self.root / path
        return [one.stat().st_size for one in (file, Path(f"{file}.gz")) if one.exists()]


def plain_name(path: str) -> str:
    return re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", path)


def chat_page() -> str:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_user("page-weight"))
    return client.get("/").content.decode()


def measure(root: Path, report: Report) -> None:
    served, page = Served(root), chat_page()
    addresses = re.findall(r'(?:src|href)="/static/([^"#]+\.(?:js|css))"', page)
    styles = {path for path in addresses if path.endswith(".css")}
    scripts = served.graph(path for path in addresses if path.endswith(".js"))
    later = served.later(scripts)
    drawer = next(modules for name, modules in later.items() if name.endswith("temml.mjs"))
    colours = next(modules for name, modules in later.items() if name.endswith("highlighter.js"))
    report.add(Figure("scripts of the chat page, compressed", "KB", served.size(scripts), bar=BAR_KB))
    report.add(Figure("requests for scripts", "", len(scripts)))
    report.add(Figure("styles of the chat page, compressed", "KB", served.size(styles)))
    report.add(Figure("later, with the first formula", "KB", served.size(drawer)))
    report.add(Figure("later, with the first code (a language more)", "KB", served.size(colours)))
    report.details["scripts"] = {
        plain_name(path): round(served.size([path]), 1) for path in sorted(scripts, key=plain_name)
    }


def main() -> None:
    options = option_parser(__doc__).parse_args()
    report = Report("page_weight")
    collect_static_files()
    measure(settings.STATIC_ROOT, report)
    report.finish(options.results)


if __name__ == "__main__":
    main()
