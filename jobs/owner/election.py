"""The election: this process waits for the lease, owns the chain while it has it, and waits again when it lost it."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

from chain.link import backoff
from jobs.errors import Code, FaucetError
from jobs.ledger import DeposedError, Ledger
from jobs.model.owner import Candidate
from jobs.monitoring.tasks import Tasks

log = logging.getLogger("faucet.election")

LOOK_INTERVAL = 0.2  #: seconds between two looks whether the chain is free
RENEWALS = 3  #: how often the lease is renewed in its time
RETRY_DELAY = 1.0  #: seconds between two attempts while the ledger is away
FIRST_DELAY, MAX_DELAY = 1.0, 30.0  #: seconds out of line after the chain could not be owned, doubled each time

Fields = dict[str, object]


class Owner(Protocol):
    """What owns the chain in one epoch. Its `halt` and `stop` may come before it started, and twice."""

    async def start(self) -> None:
        """Begin. Raises FaucetError or OSError where it can't."""

    def check(self) -> None:
        """Raises FaucetError `internal` if a part of it has ended."""

    async def halt(self) -> None:
        """Finish the step in hand, and begin nothing more. It is quick."""

    async def stop(self) -> None:
        """Halt, and close everything."""


class Election:
    """A candidate for owning the chain. It outlives whatever fails: the ledger, the chain, the owner."""

    def __init__(
        self,
        ledger: Ledger,
        candidate: Candidate,
        *,
        seconds: float,
        owner_of: Callable[[Ledger], Owner],
        tasks: Tasks,
    ) -> None:
        """The lease is for so many seconds; `owner_of` a ledger, which writes in its epoch only, is new each time."""
        self._ledger = ledger
        self._candidate = candidate
        self._seconds = seconds
        self._owner_of = owner_of
        self._tasks = tasks
        self._stopping = asyncio.Event()
        self._delays = _delays()
        self._logged: tuple[str, object] | None = None  # the last event, and what it was about
        self._task: asyncio.Task[None] | None = None
        self._owner: Owner | None = None  # once it has started
        self._tried = asyncio.Event()  # to own the chain, once
        self.epoch: int | None = None  #: in which this process owns the chain; None: it does not

    async def start(self) -> None:
        """Stand in line; returns once the chain is owned if that was free, else at once."""
        self._task = self._tasks.start("election", self.run)
        await self._tried.wait()

    def check(self) -> None:
        """Raises FaucetError `internal` if this candidate, or a part of its owner, has ended."""
        if self._task is not None and self._task.done():
            raise FaucetError(Code.INTERNAL, "The election has ended.")
        if self._owner is not None:
            self._owner.check()

    def leave(self) -> None:
        """Begin to stop: another process may own the chain."""
        self._stopping.set()

    async def stop(self) -> None:
        """Give the lease back as soon as the step in hand is done, then close what was open."""
        self.leave()
        if self._task is not None:
            await self._task

    async def run(self) -> None:
        """Wait for the lease and own the chain, again and again, until stopped."""
        while not self._stopping.is_set():
            try:
                await self._run_once()
            except FaucetError as error:
                self._log_once(str(error), logging.WARNING, "ledger not available for the lease", {"reason": error})
                await self._pause(RETRY_DELAY)
            except Exception as error:  # noqa: BLE001  # whatever it was: somebody must own the chain
                self._tasks.record("election", error)
                await self._pause(next(self._delays))

    async def _run_once(self) -> None:
        """Own the chain if that is free, else wait a moment."""
        lease = self._ledger.lease
        if await lease.is_free(self._candidate):
            epoch = await lease.acquire(self._candidate, self._seconds)
            if epoch is not None:
                await self._own(epoch)
                return
        holder = await lease.holder()
        self._log_once(
            holder.epoch, logging.INFO, "in line for the chain", {"owner": holder.owner, "epoch": holder.epoch}
        )
        await self._pause(LOOK_INTERVAL)

    async def _own(self, epoch: int) -> None:
        """Own the chain until another process does, this one stops, or its owner can't start."""
        try:
            await self._own_until_over(epoch)
        except (OSError, FaucetError) as error:
            if not self._stopping.is_set():  # else whoever stops it knows
                log.error("chain not owned", extra={"fields": self._fields(epoch, reason=error)})  # noqa: TRY400
            await self._pause(next(self._delays))
        else:
            self._delays = _delays()

    async def _own_until_over(self, epoch: int) -> None:
        ledger = self._ledger.as_owner(epoch)
        owner = self._owner_of(ledger)
        renewing = asyncio.create_task(self._renew(ledger, epoch), name="lease")
        self.epoch = epoch
        # In the reverse order: the next owner waits for what was begun, not for connections that are closed.
        async with contextlib.AsyncExitStack() as ending:
            ending.push_async_callback(owner.stop)
            ending.push_async_callback(self._give_back, ledger, epoch)
            ending.callback(renewing.cancel)
            ending.push_async_callback(owner.halt)
            ending.callback(self._end)
            await owner.start()
            self._owner = owner
            self._log_once(epoch, logging.INFO, "chain owned", self._fields(epoch))
            self._tried.set()
            await _first(renewing, self._stopping.wait(), ledger.deposed.wait())

    def _end(self) -> None:
        self.epoch = self._owner = None

    async def _renew(self, ledger: Ledger, epoch: int) -> None:
        """Renew the lease until deposed."""
        interval = delay = self._seconds / RENEWALS
        while True:
            await asyncio.sleep(delay)
            try:
                await ledger.lease.renew(self._seconds)
                delay = interval
            except DeposedError:
                return
            except FaucetError as error:
                # Nobody else can take it either. When the ledger is back, it is renewed, though it may be over.
                log.warning("lease not renewed", extra={"fields": self._fields(epoch, reason=error)})
                delay = min(interval, RETRY_DELAY)

    async def _give_back(self, ledger: Ledger, epoch: int) -> None:
        if ledger.deposed.is_set():
            log.error("lease lost", extra={"fields": self._fields(epoch)})
            return
        try:
            await ledger.lease.give_back()
            if self._logged == ("chain owned", epoch):
                log.info("lease given back", extra={"fields": self._fields(epoch)})
        except FaucetError as error:
            log.warning("lease not given back", extra={"fields": self._fields(epoch, reason=error)})

    async def _pause(self, seconds: float) -> None:
        """Wait so many seconds, or until stopped."""
        self._tried.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _fields(self, epoch: int, **more: object) -> Fields:
        return {"owner": self._candidate.machine, "epoch": epoch, **more}

    def _log_once(self, what: object, level: int, event: str, fields: Fields) -> None:
        """Log `event`, unless it was the last one about the same."""
        if self._logged != (event, what):
            self._logged = (event, what)
            log.log(level, event, extra={"fields": fields})


def _delays() -> Iterator[float]:
    return backoff(FIRST_DELAY, MAX_DELAY, lambda: 0.0)


async def _first(task: asyncio.Task[None], *events: Coroutine[Any, Any, Any]) -> None:
    """Return once the task or one of the others ends. Raises what the task raised."""
    waits = [asyncio.create_task(event) for event in events]
    try:
        await asyncio.wait([task, *waits], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if task.done():
        task.result()
