"""Lighthouse's scores of sign-in, the empty chat and a long conversation, as on a desktop computer and on a phone.

Performance is the median of several runs; of the others, the least. What an audit found wrong is printed at once.
"""

from __future__ import annotations

from benchmarks.rig import site  # isort: skip  it sets Django up

import json
import statistics
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from playwright.sync_api import BrowserContext, sync_playwright

from accounts.models import User
from benchmarks.pages import make_conversation, make_conversations, signed_in
from benchmarks.rig.programs import ROOT, Cores, Programs, ServerKind, free_port
from benchmarks.rig.report import Figure, Report, option_parser
from chatsite.preparation import collect_static_files
from tests.conftest import CHROMIUM_FLAGS
from tests.programs import chromium

LIGHTHOUSE = ROOT / "var" / "lighthouse" / "node_modules" / "lighthouse" / "cli" / "index.js"
BARS = {"performance": 95, "accessibility": 100, "best-practices": 100}
FORMS = {"desktop": ["--preset=desktop"], "phone": ["--form-factor=mobile"]}
MEASURED = ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift")


@dataclass(frozen=True, slots=True)
class Visit:
    """One page loaded once: scores out of 100, figures in milliseconds but for the layout shift, and failed audits."""

    scores: dict[str, int]
    figures: dict[str, float]
    failed: dict[str, str]

    @classmethod
    def of(cls, report: dict[str, Any]) -> Visit:
        if error := report.get("runtimeError"):
            raise RuntimeError(f"Lighthouse: {error['message']}")
        audits = report["audits"]
        weighed = [
            reference["id"]
            for category in report["categories"].values()
            for reference in category["auditRefs"]
            if reference["weight"]
        ]
        return cls(
            scores={name: round(category["score"] * 100) for name, category in report["categories"].items()},
            figures={name: round(audits[name]["numericValue"], 3) for name in MEASURED},
            failed={
                name: f"{audits[name]['title']} {_where(audits[name])}".strip()
                for name in weighed
                if audits[name]["score"] is not None and audits[name]["score"] < 0.9
            },
        )


def _where(audit: dict[str, Any]) -> str:
    items = audit.get("details", {}).get("items", [])
    nodes = [item["node"].get("snippet", "") for item in items if isinstance(item.get("node"), dict)]
    return "; ".join(nodes[:3]) or audit.get("displayValue", "")


@contextmanager
def browser(port: int) -> Iterator[BrowserContext]:
    """Chromium, which Lighthouse reaches by the port."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        flags = [*CHROMIUM_FLAGS, f"--remote-debugging-port={port}"]
        context = playwright.chromium.launch_persistent_context(profile, executable_path=chromium(), args=flags)
        yield context
        context.close()


def visit(url: str, port: int, form: str) -> Visit:
    """One visit's scores. Repeated when the browser did not record it, which Lighthouse says of a visit now and then.

    Raises:
        RuntimeError: Lighthouse failed, or recorded nothing in three visits.
    """
    for _ in range(3):
        done, seen = _visit_once(url, port, form)
        if seen is not None:
            return seen
        if "NO_NAVSTART" not in done.stderr:
            break
    raise RuntimeError(f"Lighthouse failed:\n{done.stderr[-2000:]}")


def _visit_once(url: str, port: int, form: str) -> tuple[subprocess.CompletedProcess[str], Visit | None]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        command = ["node", str(LIGHTHOUSE), url, f"--port={port}", *FORMS[form], "--quiet"]
        command += ["--output=json", f"--output-path={file}", f"--only-categories={','.join(BARS)}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        return done, None if done.returncode else Visit.of(json.loads(file.read_text()))


def add_page(report: Report, what: str, url: str, port: int, rounds: int) -> None:
    for form in FORMS:
        visits = []
        for _ in range(rounds):
            visits.append(visit(url, port, form))
            print(f"{what}, {form}: {visits[-1].scores} {visits[-1].figures}", flush=True)
            for name, told in visits[-1].failed.items():
                print(f"  {name}: {told}", flush=True)
        for name, bar in BARS.items():
            combined = statistics.median if name == "performance" else min
            value = combined(visit.scores[name] for visit in visits)
            report.add(Figure(f"{what}, {form}: {name}", "of 100", value, bar=bar, more_is_better=True))
        report.details[f"{what}, {form}"] = {
            "figures": {name: statistics.median(visit.figures[name] for visit in visits) for name in MEASURED},
            "failed": _all_failed(visits),
        }


def _all_failed(visits: Sequence[Visit]) -> dict[str, str]:
    """What failed in more than half of them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for visit in visits:
        for name, told in visit.failed.items():
            found[name].append(told)
    return {name: told[0] for name, told in found.items() if len(told) * 2 > len(visits)}


def session_of(user: User) -> str:
    return signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each page is visited in each form")
    parser.add_argument("--messages", type=int, default=1000)
    options = parser.parse_args()
    report = Report("lighthouse")
    collect_static_files()
    user = User.objects.create(username="ada")
    make_conversations(user, 100)
    conversation = make_conversation(user, options.messages)
    session = session_of(user)
    browser_port = free_port()
    programs = Programs(site.VAR_DIR, Cores())
    with programs.product(ServerKind(), site.settings, users=[]) as product, browser(browser_port) as context:
        url = f"http://127.0.0.1:{product.port}"
        add_page(report, "sign-in", f"{url}/sign-in/", browser_port, options.rounds)
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url, "httpOnly": True}])
        add_page(report, "empty chat", f"{url}/", browser_port, options.rounds)
        add_page(report, f"{options.messages:,} messages", f"{url}/c/{conversation.pk}/", browser_port, options.rounds)
    report.finish(options.results)


if __name__ == "__main__":
    main()
