"""While there is time nothing waits; the busier the process, the longer what models say gathers before it is read."""

from __future__ import annotations

import pytest

from conversations.runner.adaptive_delay import AdaptiveDelay


class Machine:
    """Two clocks that are moved by hand: what the process used, and the wall's."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0
        self.pace = AdaptiveDelay(quiet=0.3, busy=0.8, longest=0.06, cpu=lambda: self.cpu, wall=lambda: self.wall)

    def live(self, seconds: float, share: float) -> float:
        """With so much of a core in use; the pause at the end."""
        for _ in range(round(seconds / 0.25)):
            self.cpu += share * 0.25
            self.wall += 0.25
            self.pace.sample()
        return self.pace.pause


@pytest.mark.parametrize("share", [0.0, 0.1, 0.29])
def test_a_quiet_process_reads_at_once(share: float) -> None:
    assert Machine().live(10, share) == 0


@pytest.mark.parametrize(("share", "pause"), [(0.55, 0.03), (0.8, 0.06), (1.0, 0.06), (3.0, 0.06)])
def test_the_pause_grows_with_the_load_to_its_longest(share: float, pause: float) -> None:
    assert Machine().live(10, share) == pytest.approx(pause, rel=0.01)


def test_a_short_peak_is_met_halfway_and_forgotten_soon() -> None:
    machine = Machine()
    assert machine.live(0.25, 1.0) == pytest.approx(0.03)
    assert machine.live(2, 0.1) < 0.001


def test_no_time_between_two_looks_is_no_load() -> None:
    machine = Machine()
    machine.pace.sample()
    assert machine.pace.pause == 0
