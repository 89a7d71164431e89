"""The pause between two reads of a model's stream: none in a quiet process, longer the busier the process is."""

from __future__ import annotations

import pytest

from conversations.runner.adaptive_delay import AdaptiveDelay


class SimulatedProcess:
    """An adaptive delay with simulated clocks of CPU time and wall time."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0
        self.delay = AdaptiveDelay(
            low_load=0.3, high_load=0.8, max_seconds=0.06, cpu_time=lambda: self.cpu, wall_time=lambda: self.wall
        )

    def run(self, seconds: float, share: float) -> float:
        """Uses this share of a core for so many seconds. Returns the pause at the end, in seconds."""
        for _ in range(round(seconds / 0.25)):
            self.cpu += share * 0.25
            self.wall += 0.25
            self.delay.sample()
        return self.delay.seconds


@pytest.mark.parametrize("share", [0.0, 0.1, 0.29])
def test_a_quiet_process_has_no_delay(share: float) -> None:
    assert SimulatedProcess().run(10, share) == 0


@pytest.mark.parametrize(("share", "pause"), [(0.55, 0.03), (0.8, 0.06), (1.0, 0.06), (3.0, 0.06)])
def test_the_delay_grows_with_the_load_to_its_maximum(share: float, pause: float) -> None:
    assert SimulatedProcess().run(10, share) == pytest.approx(pause, rel=0.01)


def test_a_short_peak_moves_the_delay_halfway_and_decays() -> None:
    process = SimulatedProcess()
    assert process.run(0.25, 1.0) == pytest.approx(0.03)
    assert process.run(2, 0.1) < 0.001


def test_two_samples_at_the_same_time_count_as_no_load() -> None:
    process = SimulatedProcess()
    process.delay.sample()
    assert process.delay.seconds == 0
