"""The gaps in the faucet's run: what of a time it has seen, and how the gaps are noticed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ledger import Ledger
from jobs.model.downtime import MAX_GAPS, Downtime
from jobs.monitoring.uptime import MAX_STEP, SAVE_INTERVAL, Uptime
from tests.harness.links import Clock


@pytest.mark.parametrize(
    ("since", "now", "seconds"),
    [(0, 10, 10), (0, 20, 10), (5, 35, 15), (15, 25, 5), (12, 18, 0), (25, 25, 0), (30, 20, 0), (0, 100, 70)],
)
def test_elapsed_is_the_time_between_the_gaps(since: float, now: float, seconds: float) -> None:
    downtime = Downtime().with_gap(10_000, 20_000).with_gap(30_000, 50_000)
    assert downtime.elapsed(since, now) == seconds
    assert downtime.running_since == 50


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=2 * MAX_GAPS + 10), st.integers(0, 10**6))
def test_elapsed_is_never_more_than_the_time(steps: list[int], since: int) -> None:
    downtime, now = Downtime(), 0
    for run, gap in zip(steps[::2], steps[1::2], strict=False):
        downtime = downtime.with_gap(now + run, now + run + gap)
        now += run + gap
    assert len(downtime.gaps) <= MAX_GAPS
    assert 0 <= downtime.elapsed(since / 1000, now / 1000) <= max(0, now - since) / 1000


def test_shortest_gaps_give_way() -> None:
    downtime = Downtime().with_gap(0, 3_600_000)
    for number in range(2 * MAX_GAPS):
        start = 4_000_000 + number * 10_000
        downtime = downtime.with_gap(start, start + 5_000)
    assert downtime.gaps[0] == (0, 3_600_000)
    assert len(downtime.gaps) == MAX_GAPS


async def test_gaps_of_stops_and_suspensions_survive_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    ledger = await Ledger.open(tmp_path / "faucet.db", clock=clock)
    uptime = Uptime(ledger.downtime, clock=clock)
    await uptime.start()
    assert uptime.downtime.gaps == ((0, 1_000_000),)
    for _ in range(int(SAVE_INTERVAL) + 1):
        clock.now += 1
        await uptime.save()
    clock.now += 3600  # the machine sleeps
    uptime.tick()
    await uptime.stop()
    clock.now += 500
    again = Uptime(ledger.downtime, clock=clock)
    await again.start()
    assert again.downtime.gaps[1:] == ((1_011_000, 4_611_000), (4_611_000, 5_111_000))
    assert again.downtime.elapsed(1000, clock.now) == SAVE_INTERVAL + 1
    await ledger.close()


async def test_only_a_step_forward_is_a_gap(tmp_path: Path) -> None:
    clock = Clock()
    ledger = await Ledger.open(tmp_path / "faucet.db", clock=clock)
    uptime = Uptime(ledger.downtime, clock=clock)
    await uptime.start()
    for step in (-600, 1, MAX_STEP, MAX_STEP + 1):
        clock.now += step
        uptime.tick()
    assert uptime.downtime.gaps == ((0, 1_000_000), (404_000, 408_000))
    await ledger.close()
