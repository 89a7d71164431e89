"""Measures Lighthouse's scores of sign-in, the empty chat and a long conversation, on a desktop computer and a phone.

Performance is the median of several visits, the other scores are the minimum. Failed audits are printed at once.
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
FORM_FACTORS = {"desktop": ["--preset=desktop"], "phone": ["--form-factor=mobile"]}
METRICS = ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift")


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of a page: scores up to 100, metrics in milliseconds (except the layout shift), and failed audits."""

    scores: dict[str, int]
    metrics: dict[str, float]
    failed: dict[str, str]

    @classmethod
    def of(cls, report: dict[str, Any]) -> Visit:
        if error := report.get("runtimeError"):
            raise RuntimeError(f"Lighthouse: {error['message']}")
        audits = report["audits"]
        scored = [
            reference["id"]
            for category in report["categories"].values()
            for reference in category["auditRefs"]
            if reference["weight"]
        ]
        return cls(
            scores={name: round(category["score"] * 100) for name, category in report["categories"].items()},
            metrics={name: round(audits[name]["numericValue"], 3) for name in METRICS},
            failed={
                name: f"{audits[name]['title']} {_details(audits[name])}".strip()
                for name in scored
                if audits[name]["score"] is not None and audits[name]["score"] < 0.9
            },
        )


def _details(audit: dict[str, Any]) -> str:
    items = audit.get("details", {}).get("items", [])
    nodes = [item["node"].get("snippet", "") for item in items if isinstance(item.get("node"), dict)]
    return "; ".join(nodes[:3]) or audit.get("displayValue", "")


@contextmanager
def browser(port: int) -> Iterator[BrowserContext]:
    """Runs Chromium with a debugging port for Lighthouse."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        flags = [*CHROMIUM_FLAGS, f"--remote-debugging-port={port}"]
        context = playwright.chromium.launch_persistent_context(profile, executable_path=chromium(), args=flags)
        yield context
        context.close()


def visit(url: str, port: int, form: str) -> Visit:
    """Visits a page. Repeats the visit up to three times if the browser did not record it, which happens at times.

    Raises RuntimeError if Lighthouse failed.
    """
    for _ in range(3):
        process, result = _visit_once(url, port, form)
        if result is not None:
            return result
        if "NO_NAVSTART" not in process.stderr:
            break
    raise RuntimeError(f"Lighthouse failed:\n{process.stderr[-2000:]}")


def _visit_once(url: str, port: int, form: str) -> tuple[subprocess.CompletedProcess[str], Visit | None]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        command = ["node", str(LIGHTHOUSE), url, f"--port={port}", *FORM_FACTORS[form], "--quiet"]
        command += ["--output=json", f"--output-path={file}", f"--only-categories={','.join(BARS)}"]
        process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        return process, None if process.returncode else Visit.of(json.loads(file.read_text()))


def add_page(report: Report, what: str, url: str, port: int, rounds: int) -> None:
    for form in FORM_FACTORS:
        visits = []
        for _ in range(rounds):
            visits.append(visit(url, port, form))
            print(f"{what}, {form}: {visits[-1].scores} {visits[-1].metrics}", flush=True)
            for name, message in visits[-1].failed.items():
                print(f"  {name}: {message}", flush=True)
        for name, bar in BARS.items():
            combine = statistics.median if name == "performance" else min
            value = combine(visit.scores[name] for visit in visits)
            report.add(Figure(f"{what}, {form}: {name}", "of 100", value, bar=bar, more_is_better=True))
        report.details[f"{what}, {form}"] = {
            "figures": {name: statistics.median(visit.metrics[name] for visit in visits) for name in METRICS},
            "failed": _often_failed(visits),
        }


def _often_failed(visits: Sequence[Visit]) -> dict[str, str]:
    """Returns the audits that failed in more than half of the visits."""
    messages: defaultdict[str, list[str]] = defaultdict(list)
    for visit in visits:
        for name, message in visit.failed.items():
            messages[name].append(message)
    return {name: failures[0] for name, failures in messages.items() if len(failures) * 2 > len(visits)}


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="visits of each page in each form factor")
    parser.add_argument("--messages", type=int, default=1000)
    options = parser.parse_args()
    report = Report("lighthouse")
    collect_static_files()
    user = User.objects.create(username="ada")
    make_conversations(user, 100)
    conversation = make_conversation(user, options.messages)
    session = signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value
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
