"""An event loop whose time passes at once: when nothing is left to do now, it is as late as the next thing is due."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar
from unittest.mock import patch

T = TypeVar("T")


class _Skipping(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits for something that nobody will do")
        if not ready and timeout:
            self.now += timeout
        return ready


class TimelessLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now


def run_timeless(work: Coroutine[Any, Any, T]) -> T:
    """Whoever asks `time.monotonic` how much time has passed is told the loop's."""
    with asyncio.Runner(loop_factory=TimelessLoop) as runner, patch.object(time, "monotonic", runner.get_loop().time):
        return runner.run(work)
