"""Shifts the wall clock of this process by the seconds in the file FAULTS_CLOCK.

The monotonic clock is not affected.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

from django.utils import timezone

OFFSET_FILE = Path(os.environ["FAULTS_CLOCK"])
real_time, real_now = time.time, timezone.now


def offset() -> float:
    return float(OFFSET_FILE.read_text())


def shifted_time() -> float:
    return real_time() + offset()


def shifted_now() -> datetime:
    return real_now() + timedelta(seconds=offset())


time.time, timezone.now = shifted_time, shifted_now
