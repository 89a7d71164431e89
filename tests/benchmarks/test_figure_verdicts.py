"""A figure passes when it meets its target or comes close to the baseline on the same machine."""

from __future__ import annotations

import pytest

from benchmarks.rig.report import Figure, format_number


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Figure("delay", "ms", 90, bar=100), "met"),
        (Figure("delay", "ms", 110, bar=100), "missed"),
        (Figure("delay", "ms", 110, bar=100, floor=90), "met"),
        (Figure("delay", "ms", 110, bar=100, floor=80), "missed"),
        (Figure("capacity", "streams", 250, bar=250, more_is_better=True), "met"),
        (Figure("capacity", "streams", 200, bar=250, more_is_better=True), "missed"),
        (Figure("capacity", "streams", 200, bar=250, floor=240, more_is_better=True), "met"),
        (Figure("capacity", "streams", 200, bar=250, floor=260, more_is_better=True), "missed"),
        (Figure("delay", "ms", None, bar=100), "missing"),
        (Figure("delay", "ms", 90, bar=100, is_void=True), "void"),
        (Figure("delay", "ms", 90), ""),
    ],
)
def test_the_verdict_compares_a_figure_with_its_target_and_baseline(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict


@pytest.mark.parametrize(("value", "shown"), [(None, "-"), (0.0423, "0.0423"), (4.5, "4.5"), (12_345.6, "12,346")])
def test_numbers_are_formatted_with_three_significant_digits(value: float | None, shown: str) -> None:
    assert format_number(value) == shown
