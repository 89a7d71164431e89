"""An event loop in virtual time: when nothing is ready, its clock jumps to the next scheduled callback."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar
from unittest.mock import patch

T = TypeVar("T")


class _SkippingSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("deadlock: nothing is ready and nothing is scheduled")
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._selector = _SkippingSelector()
        super().__init__(self._selector)

    def time(self) -> float:
        return self._selector.now


def run_in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """Runs the coroutine in a VirtualTimeLoop, whose time `time.monotonic` returns as well."""
    with (
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
        patch.object(time, "monotonic", runner.get_loop().time),
    ):
        return runner.run(work)
