"""The supervisor, with processes that are none of the faucet's."""

import asyncio
import sys

import pytest

from commands import heartbeat, supervisor
from commands.heartbeat import Heart
from commands.supervisor import Child, Role, Supervisor
from jobs.monitoring.metrics import Metrics
from tests.harness.loglines import log_lines

SILENT = "import time; time.sleep(1000)"  # it never sends a heartbeat


async def run(script: str) -> Child:
    """A process whose standard input is the heart's other end, as every worker's is."""
    heart = Heart()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdin=heart.process_end.fileno())
    heart.process_end.close()
    return Child(process, heart)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "INTERVAL", 0.01)
    monkeypatch.setattr(supervisor, "MAX_DELAY", 0.01)


def restarts(metrics: Metrics, reason: str) -> float:
    value: float = metrics.process_restarts.labels(process="one", reason=reason)._value.get()
    return value


async def test_process_that_can_not_be_started_again_is_tried_until_it_can(caplog: pytest.LogCaptureFixture) -> None:
    metrics, running = Metrics(), asyncio.Event()
    outcomes = iter(("", None, None, SILENT))

    async def start() -> Child:
        script = next(outcomes)
        if script is None:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        child = await run(script)
        if script == SILENT:
            running.set()
        return child

    supervised = Supervisor([Role("one", start)], metrics=metrics, delay=0.001)
    await supervised.start()
    await running.wait()
    await supervised.stop()
    lines = [line for line in log_lines(caplog.records) if 'event="process not started" process=one' in line]
    assert ["Resource temporarily unavailable" in line for line in lines] == [True, True]
    assert (restarts(metrics, "ended"), restarts(metrics, "hung")) == (1, 0)


async def test_process_that_hangs_at_its_start_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "START_AFTER", 20)
    metrics, again = Metrics(), asyncio.Event()
    children = []

    async def start() -> Child:
        children.append(await run(SILENT))
        if len(children) == 2:
            monkeypatch.setattr(supervisor, "START_AFTER", 10**6)
            again.set()
        return children[-1]

    supervised = Supervisor([Role("one", start)], metrics=metrics, delay=0.001)
    await supervised.start()
    await again.wait()
    await supervised.check()  # a slow start is no hang yet
    await supervised.stop()
    assert (restarts(metrics, "ended"), restarts(metrics, "hung")) == (0, 1)
