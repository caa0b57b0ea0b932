"""Background tasks: none ends in silence."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from chain.link import backoff
from jobs.model.operators import Failure
from jobs.monitoring.metrics import Metrics

log = logging.getLogger("faucet.tasks")

FIRST_DELAY, MAX_DELAY = 1.0, 60.0  #: seconds before a task that failed is started again, doubled each time
STABLE_AFTER = 60.0  #: seconds that it must run for the next delay to be the first one again


class Tasks:
    """Runs tasks, starts those again that fail, and remembers how they failed."""

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

    @property
    def failures(self) -> Mapping[str, Failure]:
        """The last failure of each task that ever failed, by its name."""
        return self._failures

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """A task that runs `run` until that returns or the task is cancelled, again after each exception."""
        self._metrics.task_failures.labels(task=name)  # from 0 on: a counter that begins at 1 has not increased
        return asyncio.create_task(self._keep(name, run), name=name)

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
            except Exception as error:  # noqa: BLE001  # whatever it was, the work must go on
                self.record(name, error)
            else:
                return
            if self._clock() - began >= STABLE_AFTER:
                delays = backoff(FIRST_DELAY, MAX_DELAY, lambda: 0.0)
            await self._sleep(next(delays))
