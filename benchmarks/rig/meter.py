"""Reads the CPU time and memory of a process, and the CPU time of a core."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

IS_LINUX = sys.platform == "linux"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Returns the CPU time of all threads of the process, to 10 ms."""
    if IS_LINUX:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    return _parse_seconds(_ps(pid, "time="))


def resident_mb(pid: int) -> float:
    if IS_LINUX:
        match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(match[1]) / 1024 if match else 0.0
    return int(_ps(pid, "rss=")) / 1024


def core_seconds(core: int) -> tuple[float, float]:
    """Returns the time that the core was busy since boot, with and without interrupts, to 10 ms. Linux only."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *columns = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _waiting, irq, softirq, stolen = (int(column) / TICKS for column in columns[:8])
            programs = user + nice + system + stolen
            return programs + irq + softirq, programs
    raise ValueError(f"this machine has no core {core}")


def _ps(pid: int, column: str) -> str:
    return subprocess.run(
        ["ps", "-o", column, "-p", str(pid)], capture_output=True, text=True, check=True
    ).stdout.strip()


def _parse_seconds(time: str) -> float:
    """Parses [[days-]hours:]minutes:seconds."""
    days, _, clock = time.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + int(days or 0) * 86_400
