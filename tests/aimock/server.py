"""aimock: a third-party model server that answers from fixtures.json and keeps a journal of its requests.

A fixture answers the questions that contain its `userMessage`; `hasToolResult` tells the rounds of one answer apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.aimock.program import running_program
from tests.programs import NODE_MODULES, node

MODEL = "gpt-5-mini"
FIXTURES = Path(__file__).parent / "fixtures.json"
READY = re.compile(r"listening on (http://127\.0\.0\.1:\d+)")
JOURNAL_FIELDS = ("_endpointType", "_context")
"""Fields that aimock adds to the requests in its journal."""


@dataclass(frozen=True)
class Aimock:
    url: str

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def reset(self) -> None:
        """Empties the journal and restores all fixtures."""
        self._post("reset")
        self._post("fixtures", json.loads(FIXTURES.read_text()))

    def requests(self) -> list[dict[str, Any]]:
        """Returns the bodies of the chat requests so far, in order, including those that it failed on purpose."""
        journal = requests.get(f"{self.url}/__aimock/journal", params={"path": "/chat/completions"}, timeout=10)
        journal.raise_for_status()
        bodies: list[dict[str, Any]] = [entry["body"] for entry in journal.json()]
        return [{name: value for name, value in body.items() if name not in JOURNAL_FIELDS} for body in bodies]

    def _post(self, path: str, body: object = None) -> None:
        requests.post(f"{self.url}/__aimock/{path}", json=body, timeout=10).raise_for_status()


@contextmanager
def running_aimock() -> Iterator[Aimock]:
    executable = node()
    assert executable is not None
    llmock = str(NODE_MODULES / "@copilotkit" / "aimock" / "dist" / "cli.js")
    command = [executable, llmock, "-p", "0", "-f", str(FIXTURES), "--validate-on-load"]
    with running_program(command, ready=READY, within=30) as ready:
        yield Aimock(ready[1])
