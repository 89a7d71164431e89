"""Makes the clock of this process wrong by as many seconds as the file in FAULTS_CLOCK says.

The monotonic clock, which measures the time that passes, is as right as ever.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

from django.utils import timezone

CLOCK = Path(os.environ["FAULTS_CLOCK"])
right_time, right_now = time.time, timezone.now


def wrong_by() -> float:
    return float(CLOCK.read_text())


def wrong_time() -> float:
    return right_time() + wrong_by()


def wrong_now() -> datetime:
    return right_now() + timedelta(seconds=wrong_by())


time.time, timezone.now = wrong_time, wrong_now
