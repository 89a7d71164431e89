"""LiteLLM's proxy, which others wrote too, between the product and aimock: it speaks its own accent of OpenAI's API."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.aimock.program import started
from tests.aimock.server import MODEL
from tests.programs import LITELLM

CONFIGURATION = Path(__file__).parent / "litellm.yaml"
READY = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:\d+)")
STARTING = 120.0
"""Seconds: it imports much."""


@dataclass(frozen=True)
class LiteLLM:
    base_url: str
    api_key: str


@contextmanager
def running_litellm(upstream: str) -> Iterator[LiteLLM]:
    """Serves until the end of the block; `upstream` is the base URL of the server that it asks."""
    api_key = "sk-only-for-tests-and-for-nothing-else-at-all"
    environment = {
        "PATH": os.environ["PATH"],
        "UPSTREAM": upstream,
        "LITELLM_MASTER_KEY": api_key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else fetched from the network
    }
    options = ["--config", str(CONFIGURATION), "--host", "127.0.0.1", "--port", "0", "--telemetry", "False"]
    with started([str(LITELLM), *options], ready=READY, within=STARTING, environment=environment) as ready:
        litellm = LiteLLM(f"{ready[1]}/v1", api_key)
        _warm_up(litellm)
        yield litellm


def _warm_up(litellm: LiteLLM) -> None:
    """The first request makes it import what is still missing, which takes seconds."""
    requests.post(
        f"{litellm.base_url}/chat/completions",
        headers={"Authorization": f"Bearer {litellm.api_key}"},
        json={"model": MODEL, "messages": [{"role": "user", "content": "Say hello"}], "stream": True},
        timeout=STARTING,
    ).raise_for_status()
