"""Which of pytest-xdist's workers runs what."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling


class FilesInOrder(LoadFileScheduling):  # type: ignore[misc]
    """Gives each worker one file after the other in the order of collection, in which browser tests come last.

    A worker that has run a browser test can run no asyncio test any more, so where a file has both kinds they count as
    two files.
    """

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        # pytest-playwright puts the browser's name first into the id of each test that drives it
        file, _, test = nodeid.partition("::")
        return f"{file} in a browser" if "[chromium" in test else file
