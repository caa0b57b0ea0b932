"""Background tasks: each failure is logged, counted, reported and survived."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from jobs.model.operators import Failure
from jobs.monitoring.metrics import Metrics
from jobs.monitoring.tasks import MAX_DELAY, STABLE_AFTER, Tasks
from tests.harness.loglines import log_lines


class Flaky:
    """Fails some times, then returns."""

    def __init__(self, failures: int, lasting: Callable[[], None] = lambda: None) -> None:
        self._left = failures
        self._lasting = lasting
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        self._lasting()
        if self._left:
            self._left -= 1
            raise ZeroDivisionError


class Clock:
    """A clock that advances by itself when somebody sleeps, and by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def counted(metrics: Metrics, name: str) -> float:
    value: float = metrics.task_failures.labels(task=name)._value.get()  # the library's own tests read it so
    return value


async def test_failed_task_is_restarted_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    clock, metrics, flaky = Clock(), Metrics(), Flaky(2)
    tasks = Tasks(metrics, clock=clock, sleep=clock.sleep)
    await tasks.start("names", flaky.run)
    assert flaky.runs == 3
    assert counted(metrics, "names") == 2
    assert tasks.failures == {"names": Failure(1001.0, "ZeroDivisionError in names: its log says more.")}
    lines = log_lines(caplog.records)
    assert len(lines) == 2
    assert all(" level=critical " in line and ' event="task failed" task=names trace=' in line for line in lines)


async def test_restart_delay_is_bounded_and_resets() -> None:
    clock = Clock()

    def last() -> None:
        if len(clock.slept) == 8:
            clock.now += STABLE_AFTER

    tasks = Tasks(Metrics(), clock=clock, sleep=clock.sleep)
    await tasks.start("tracker", Flaky(10, last).run)
    assert clock.slept == [1, 2, 4, 8, 16, 32, MAX_DELAY, MAX_DELAY, 1, 2]


async def test_cancelled_task_is_not_restarted() -> None:
    started = asyncio.Event()

    async def wait() -> None:
        started.set()
        await asyncio.Event().wait()

    tasks = Tasks(Metrics())
    task = tasks.start("alerts", wait)
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tasks.failures == {}


@pytest.mark.parametrize("error", [MemoryError, RecursionError, KeyError, ValueError])
async def test_any_exception_of_a_task_is_survived(error: type[Exception]) -> None:
    clock, runs = Clock(), 0

    async def fail_once() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise error

    run_it: Callable[[], Awaitable[None]] = fail_once
    await Tasks(Metrics(), clock=clock, sleep=clock.sleep).start("mailer", run_it)
    assert runs == 2


async def test_failure_count_starts_at_zero() -> None:
    """Prometheus sees no increase in a counter that comes up with 1."""

    metrics = Metrics()
    await Tasks(metrics).start("mailer", Flaky(0).run)
    samples = [sample for metric in metrics.task_failures.collect() for sample in metric.samples]
    assert [(each.labels, each.value) for each in samples if each.name.endswith("_total")] == [({"task": "mailer"}, 0)]
