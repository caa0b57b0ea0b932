"""The lease under random moves of two candidates and of the clock."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jobs.ledger import DeposedError, Ledger
from jobs.ledger.lease import MAX_LEASE
from jobs.model.owner import Candidate
from tests.harness.engines import delete_ledger, in_postgresql
from tests.harness.ledgers import Clock, open_ledger

LEASE = 10.0  #: seconds

T = TypeVar("T")


async def take(ledger: Ledger, candidate: Candidate, *gone: str) -> int | None:
    return await ledger.lease.acquire(candidate, LEASE, gone=lambda process: process in gone)


candidates = st.integers(0, 1)
#: Seconds: less than a third of the lease, the lease, and clocks that are set.
jumps = st.sampled_from([0.5, 3.0, LEASE, MAX_LEASE + LEASE, 3600.0, -0.5, -LEASE, -MAX_LEASE, -3600.0])


class LeaseMachine(RuleBasedStateMachine):
    """Two candidates on one ledger, in processes that are killed, stopped and started again."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.ledgers = [self.run(open_ledger(self.folder, self.clock)) for _ in range(2)]
        self.starts = [0, 0]  # of each candidate's process
        self.gone: set[str] = set()
        self.owned: list[tuple[int, Ledger]] = []  # every epoch that was begun, with its owner's ledger
        self.ends_at = 0.0  # when the last lease ends
        self.free = True

    def teardown(self) -> None:
        for ledger in self.ledgers:
            self.run(ledger.close())
        self.runner.close()
        delete_ledger(self.folder)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def candidate(self, which: int) -> Candidate:
        return Candidate(f"machine-{which}", f"process-{which}-{self.starts[which]}")

    @rule(which=candidates)
    def acquire(self, which: int) -> None:
        candidate, now = self.candidate(which), self.clock.now
        holder = self.run(self.ledgers[which].lease.holder())
        may = (
            self.free or self.ends_at <= now or self.ends_at > now + MAX_LEASE
            or holder.process in {*self.gone, candidate.process}
        )  # fmt: skip
        epoch = self.run(take(self.ledgers[which], candidate, *self.gone))
        assert epoch == (len(self.owned) + 1 if may else None)
        if epoch is not None:
            self.owned.append((epoch, self.ledgers[which].as_owner(epoch)))
            self.ends_at, self.free = now + LEASE, False

    @rule(age=st.integers(1, 3))
    def renew(self, age: int) -> None:
        """By the owner, or one of those before it."""
        if self.attempt(age, lambda ledger: ledger.lease.renew(LEASE)):
            self.ends_at = self.clock.now + LEASE

    @rule(age=st.integers(1, 3))
    def give_back(self, age: int) -> None:
        if self.attempt(age, lambda ledger: ledger.lease.give_back()):
            self.free = True

    @rule(age=st.integers(1, 3))
    def write(self, age: int) -> None:
        before = self.paused()
        reason = f"{before} and more"
        kept = self.attempt(age, lambda ledger: ledger.pauses.auto_pause(reason))
        assert self.paused() == (reason if kept else before)

    def attempt(self, age: int, write: Any) -> bool:
        """Whether a write of the owner `age` epochs ago is kept; it must be if that one still owns the chain."""
        if age > len(self.owned):
            return False
        epoch, ledger = self.owned[-age]
        allowed = epoch == len(self.owned) and not ledger.deposed.is_set()
        try:
            self.run(write(ledger))
        except DeposedError:
            assert not allowed
            assert ledger.deposed.is_set()
            return False
        assert allowed
        return True

    def paused(self) -> str | None:
        pause = self.run(self.ledgers[0].pauses.active()).get("drain")
        return None if pause is None else pause.reason

    @rule(which=candidates)
    def kill(self, which: int) -> None:
        self.gone.add(self.candidate(which).process)
        self.starts[which] += 1

    @rule(seconds=jumps)
    def move_clock(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def epoch_is_the_last_owners(self) -> None:
        assert self.run(self.ledgers[1].lease.holder()).epoch == len(self.owned)


SETTINGS = settings(max_examples=60, stateful_step_count=40, derandomize=True)

TestLease = LeaseMachine.TestCase
TestLease.settings = SETTINGS
TestLeaseInPostgresql = in_postgresql(LeaseMachine.TestCase, settings(SETTINGS, max_examples=20))
