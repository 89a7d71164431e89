"""LiteLLM's proxy between the product and aimock: a third-party server with its own variant of OpenAI's API."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.aimock.program import running_program
from tests.aimock.server import MODEL
from tests.programs import LITELLM

CONFIGURATION = Path(__file__).parent / "litellm.yaml"
READY = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:\d+)")
START_TIMEOUT = 120.0
"""Seconds; LiteLLM imports a lot at start."""


@dataclass(frozen=True)
class LiteLLM:
    base_url: str
    api_key: str


@contextmanager
def running_litellm(upstream: str) -> Iterator[LiteLLM]:
    """Runs the proxy for the block; `upstream` is the base URL of the server that it forwards to."""
    api_key = "sk-only-for-tests-and-for-nothing-else-at-all"
    environment = {
        "PATH": os.environ["PATH"],
        "UPSTREAM": upstream,
        "LITELLM_MASTER_KEY": api_key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else fetched from the network
    }
    options = ["--config", str(CONFIGURATION), "--host", "127.0.0.1", "--port", "0", "--telemetry", "False"]
    with running_program([str(LITELLM), *options], ready=READY, within=START_TIMEOUT, environment=environment) as ready:
        litellm = LiteLLM(f"{ready[1]}/v1", api_key)
        _warm_up(litellm)
        yield litellm


def _warm_up(litellm: LiteLLM) -> None:
    """Sends a first request, which triggers imports that take seconds."""
    requests.post(
        f"{litellm.base_url}/chat/completions",
        headers={"Authorization": f"Bearer {litellm.api_key}"},
        json={"model": MODEL, "messages": [{"role": "user", "content": "Say hello"}], "stream": True},
        timeout=START_TIMEOUT,
    ).raise_for_status()
