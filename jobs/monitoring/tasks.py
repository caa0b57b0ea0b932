"""Background tasks: failures are logged, counted and followed by a restart."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from chain.cancellation import end_tasks
from chain.link import backoff
from jobs.model.operators import Failure
from jobs.monitoring.metrics import Metrics

log = logging.getLogger("faucet.tasks")

FIRST_DELAY, MAX_DELAY = 1.0, 60.0  #: seconds before a failed task is restarted, doubled each time
STABLE_AFTER = 60.0  #: seconds a task must run for the delay to start over


async def tick(seconds: float) -> None:
    """Wait for the next whole multiple of so many seconds: what else is due then takes the same iteration."""
    await asyncio.sleep(seconds - asyncio.get_running_loop().time() % seconds)


async def repeat(seconds: float, step: Callable[[], Awaitable[None] | None]) -> None:
    """Call `step` at each tick, until cancelled."""
    while True:
        await tick(seconds)
        if (doing := step()) is not None:
            await doing


class Tasks:
    """Runs tasks, restarts those that fail, and remembers their failures."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._sleep = sleep
        self._failures: dict[str, Failure] = {}
        self._started: list[asyncio.Task[None]] = []

    @property
    def failures(self) -> Mapping[str, Failure]:
        """The last failure of each task that has failed, by the task's name."""
        return self._failures

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """A task that runs `run` until it returns or the task is cancelled, and again after each exception."""
        # Exported from 0 on: Prometheus misses the first increase of a counter that starts at 1.
        self._metrics.task_failures.labels(task=name)
        self._started.append(asyncio.create_task(self._keep(name, run), name=name))
        return self._started[-1]

    async def end(self) -> None:
        """End all that was started."""
        await end_tasks(self._started)

    def record(self, name: str, error: BaseException) -> None:
        """Log, count and remember that `name` failed."""
        log.critical("task failed", exc_info=error, extra={"fields": {"task": name}})
        self._metrics.task_failures.labels(task=name).inc()
        self._failures[name] = Failure(self._clock(), f"{type(error).__name__} in {name}: its log says more.")

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        delays = backoff(FIRST_DELAY, MAX_DELAY, lambda: 0.0)
        while True:
            began = self._clock()
            try:
                await run()
            except Exception as error:  # noqa: BLE001  # whatever failed, the work must go on
                self.record(name, error)
            else:
                return
            if self._clock() - began >= STABLE_AFTER:
                delays = backoff(FIRST_DELAY, MAX_DELAY, lambda: 0.0)
            await self._sleep(next(delays))
