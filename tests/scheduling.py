"""Assigns test files to the workers of pytest-xdist."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling


class FilesInOrder(LoadFileScheduling):  # type: ignore[misc]
    """Assigns whole files in the order of collection, which puts browser tests last.

    A worker cannot run asyncio tests after a browser test, so the browser tests of a file are assigned separately.
    """

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        # pytest-playwright puts the browser's name at the start of the parameters in a test's id
        file, _, test = nodeid.partition("::")
        return f"{file} in a browser" if "[chromium" in test else file
