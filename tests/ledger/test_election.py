"""The election: whatever fails, somebody owns the chain, and never two at once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import Code, FaucetError
from jobs.ledger import DeposedError, Ledger
from jobs.model.owner import Candidate
from jobs.monitoring.metrics import Metrics
from jobs.monitoring.tasks import Tasks
from jobs.owner.election import Election
from tests.harness.ledgers import Clock, opened, raw
from tests.harness.serving import turn

pytestmark = pytest.mark.usefixtures("each_engine")

LEASE = 10.0
AWAY = FaucetError(Code.LEDGER_UNAVAILABLE, "The ledger can't be written now.")


class FakeOwner:
    """Records what it is told; a test makes its steps fail or wait."""

    def __init__(self, ledger: Ledger, steps: list[str]) -> None:
        self.ledger = ledger
        self.steps = steps
        self.on_start: Callable[[], Awaitable[None]] | None = None

    async def start(self) -> None:
        """As the test says."""
        self.steps.append("start")
        if self.on_start is not None:
            await self.on_start()

    def check(self) -> None:
        """Always well."""

    async def halt(self) -> None:
        """Recorded with who has the lease then."""
        holder = await self.ledger.lease.holder()
        self.steps.append(f"halt, owner {holder.owner}")

    async def stop(self) -> None:
        """Recorded with who has the lease then."""
        holder = await self.ledger.lease.holder()
        self.steps.append(f"stop, owner {holder.owner}")


class Standing:
    """A candidate in line, and the owners that it had."""

    def __init__(self, ledger: Ledger, name: str, *failures: BaseException | None, lease: float = LEASE) -> None:
        """Its owners fail to start with `failures`, one each."""
        self.steps: list[str] = []
        self.owners: list[FakeOwner] = []
        self._failures = iter(failures)
        self.metrics = Metrics()
        self.election = Election(
            ledger, Candidate(name, f"process-{name}"), seconds=lease, owner_of=self._owner_of,
            tasks=Tasks(self.metrics),
        )  # fmt: skip

    def _owner_of(self, ledger: Ledger) -> FakeOwner:
        owner = FakeOwner(ledger, self.steps)
        failure = next(self._failures, None)

        async def fail() -> None:
            if failure is not None:
                raise failure

        owner.on_start = fail
        self.owners.append(owner)
        return owner

    async def owns(self, epoch: int | None = None) -> None:
        """Return once its owner has started, in `epoch`."""
        while self.election.epoch is None or epoch not in (None, self.election.epoch) or self.steps[-1:] != ["start"]:
            await turn()


@asynccontextmanager
async def standing(
    ledger: Ledger, name: str, *failures: BaseException | None, **options: Any
) -> AsyncIterator[Standing]:
    candidate = Standing(ledger, name, *failures, **options)
    await candidate.election.start()
    try:
        yield candidate
    finally:
        await candidate.election.stop()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for delay in ("LOOK_INTERVAL", "RETRY_DELAY", "FIRST_DELAY"):
        monkeypatch.setattr(f"jobs.owner.election.{delay}", 0.001)


async def test_lease_is_given_back_before_the_slow_part_of_the_stop(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        async with standing(ledger, "ann") as ann:
            await ann.owns()
        assert ann.steps == ["start", "halt, owner ann", "stop, owner None"]
        assert ann.election.epoch is None


async def test_next_in_line_takes_over(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger, opened(tmp_path) as other, standing(other, "bob") as bob:
        await bob.owns(1)
        async with standing(ledger, "ann") as ann:
            await bob.election.stop()
            await ann.owns(2)
            assert len(ann.owners) == 1


async def test_candidate_in_line_does_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "faucet.election")
    async with opened(tmp_path) as ledger, opened(tmp_path) as other, standing(ledger, "ann") as ann:
        await ann.owns()
        async with standing(other, "bob") as bob:
            while "in line for the chain" not in caplog.messages:
                await turn()
        assert bob.owners == []
        assert ann.election.epoch == 1
        fields = [vars(record)["fields"] for record in caplog.records if record.message == "in line for the chain"]
        assert fields == [{"owner": "ann", "epoch": 1}]


async def test_deposed_owner_is_stopped_and_stands_in_line_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger, opened(tmp_path, clock) as other, standing(ledger, "ann") as ann:
        await ann.owns(1)
        clock.now += LEASE
        assert await other.lease.acquire(Candidate("bob", "process-bob"), LEASE) == 2
        with pytest.raises(DeposedError):
            await ann.owners[0].ledger.pauses.auto_pause("the balance is low")
        await asyncio.wait_for(_has(ann.steps, "stop, owner bob"), 10)
        assert await ledger.pauses.active() == {}
        assert "lease lost" in caplog.messages
        clock.now += LEASE
        await ann.owns(3)


async def test_renewal_finds_out_that_the_owner_is_deposed(tmp_path: Path) -> None:
    """An owner that was stopped for long may have nothing else to write."""
    clock = Clock()
    async with opened(tmp_path, clock) as ledger, standing(ledger, "ann", lease=0.05) as ann:
        await ann.owns(1)
        clock.now += LEASE
        await ledger._store.execute("UPDATE ledger SET epoch = 2, owner = 'bob', process = 'x', until = until + 60000")
        await asyncio.wait_for(_has(ann.steps, "stop, owner bob"), 10)


async def test_lease_is_renewed(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger, standing(ledger, "ann", lease=0.05) as ann:
        await ann.owns(1)
        clock.now += 100
        until = int((clock.now + 0.05) * 1000)
        while raw(tmp_path, "SELECT epoch, until FROM ledger") != [(1, until)]:
            await turn()


@pytest.mark.parametrize("error", [AWAY, OSError("the file is in use"), RuntimeError("a fault of ours")])
async def test_owner_that_fails_to_start_gives_the_lease_back_and_tries_again(tmp_path: Path, error: Exception) -> None:
    """The ledger may be away between being elected and starting, and so may the chain."""
    async with opened(tmp_path) as ledger, standing(ledger, "ann", error) as ann:
        await ann.owns(2)
        assert ann.steps == ["start", "halt, owner ann", "stop, owner None", "start"]
        failures = ann.metrics.task_failures.labels(task="election")._value.get()
        assert failures == (1 if isinstance(error, RuntimeError) else 0)


async def test_another_candidate_owns_the_chain_while_one_fails(tmp_path: Path) -> None:
    async with (
        opened(tmp_path) as ledger,
        opened(tmp_path) as other,
        standing(ledger, "ann", *[OSError("broken")] * 10_000),
        standing(other, "bob") as bob,
    ):
        await bob.owns()


async def test_ledger_that_is_away_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as ledger:
        real, failures = ledger.lease.acquire, iter([AWAY] * 3)

        async def acquire(*arguments: Any) -> int | None:
            if (error := next(failures, None)) is not None:
                raise error
            return await real(*arguments)

        monkeypatch.setattr(ledger.lease, "acquire", acquire)
        async with standing(ledger, "ann") as ann:
            await ann.owns(1)
        assert caplog.messages.count("ledger not available for the lease") == 1


async def test_lease_that_can_not_be_given_back_runs_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as ledger:
        async with standing(ledger, "ann") as ann:
            await ann.owns()

            async def give_back() -> None:
                raise AWAY

            monkeypatch.setattr(ann.owners[0].ledger.lease, "give_back", give_back)
        assert ann.steps[-1] == "stop, owner ann"
        assert "lease not given back" in caplog.messages


async def test_two_candidates_that_are_stopped_and_started_never_own_the_chain_at_once(tmp_path: Path) -> None:
    owning: list[str] = []

    class Exclusive(FakeOwner):
        async def start(self) -> None:
            owning.append((await self.ledger.lease.holder()).owner or "")
            assert len(owning) == 1

        async def halt(self) -> None:
            owning.clear()

    async with opened(tmp_path) as first, opened(tmp_path) as second:
        for _ in range(20):
            candidates = [Standing(ledger, name) for ledger, name in ((first, "ann"), (second, "bob"))]
            for each in candidates:
                each.election = Election(
                    each.election._ledger, each.election._candidate, seconds=LEASE,
                    owner_of=lambda ledger: Exclusive(ledger, []), tasks=Tasks(each.metrics),
                )  # fmt: skip
                await each.election.start()
            while not owning:
                await turn()
            for each in sorted(candidates, key=lambda each: each.election.epoch is None):
                await each.election.stop()
    assert owning == []


async def _has(steps: list[str], step: str) -> None:
    while step not in steps:
        await turn()
