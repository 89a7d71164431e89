"""Reports the figures of a benchmark as a table, and as JSON in `benchmarks/results/`."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent.parent / "results"
MIN_SHARE_OF_FLOOR = 0.8


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. It meets its `bar`, or on a slow machine comes within MIN_SHARE_OF_FLOOR of its `floor`.

    `floor` is the value of the simplest implementation, measured in the same run. A void figure has no verdict.
    """

    what: str
    unit: str
    value: float | None
    bar: float | None = None
    floor: float | None = None
    more_is_better: bool = False
    is_void: bool = False

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.value is not None and self.floor else None

    @property
    def verdict(self) -> str:
        if self.is_void:
            return "void"
        if self.bar is None:
            return ""
        if self.value is None:
            return "missing"
        return "met" if self._is_met(self.value, self.bar) else "missed"

    def _is_met(self, value: float, bar: float) -> bool:
        if self.more_is_better:
            return value >= bar or (self.ratio is not None and self.ratio >= MIN_SHARE_OF_FLOOR)
        return value <= bar or (self.ratio is not None and self.ratio <= 1 / MIN_SHARE_OF_FLOOR)

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "unit": self.unit,
            "value": _rounded(self.value),
            "bar": self.bar,
            "floor": _rounded(self.floor),
            "ratio": _rounded(self.ratio),
            "verdict": self.verdict,
        }


@dataclass(slots=True)
class Report:
    """The figures of a benchmark. `details` contains the measurements behind them, for the JSON only."""

    benchmark: str
    figures: list[Figure] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    _load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def add(self, figure: Figure) -> None:
        self.figures.append(figure)

    def finish(self, folder: Path = RESULTS) -> None:
        """Prints the table and writes the JSON file."""
        print_table(("", "bar", "figure", "floor", "ratio", ""), map(_row, self.figures))
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.benchmark}.json"
        file.write_text(json.dumps(self._as_json(), indent=1) + "\n")
        print(f"\nload average before: {self._load_before:.1f}; written to {file}")

    def _as_json(self) -> dict[str, Any]:
        return {
            "benchmark": self.benchmark,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {
                "cores": os.cpu_count(),
                "architecture": platform.machine(),
                "system": platform.system(),
                "python": platform.python_version(),
                "load_average_before": round(self._load_before, 2),
            },
            "figures": [figure.as_json() for figure in self.figures],
            "details": self.details,
        }


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table whose first column is aligned left, and the others right."""
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    print()
    for row in table:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *others]).rstrip())


def format_number(value: float | None) -> str:
    """Formats a number with three significant digits, or with all digits before the decimal point."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def option_parser(description: str | None) -> argparse.ArgumentParser:
    """Returns a parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where the JSON is written")
    return parser


def _row(figure: Figure) -> tuple[str, ...]:
    what = f"{figure.what} ({figure.unit})"
    numbers = (figure.bar, figure.value, figure.floor, figure.ratio)
    return what, *map(format_number, numbers), figure.verdict


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
