"""The lease: one owner an epoch, whatever two candidates do and clocks say, and none of an earlier epoch writes."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jobs.ledger import DeposedError, Ledger
from jobs.ledger.lease import MAX_LEASE
from jobs.model.owner import Candidate, Holder
from tests.harness.ledgers import START, Clock, open_ledger, opened, raw

LEASE = 10.0  #: seconds
ANN, BOB = Candidate("ann", "process-1"), Candidate("bob", "process-2")

T = TypeVar("T")


async def take(ledger: Ledger, candidate: Candidate, *gone: str) -> int | None:
    return await ledger.lease.acquire(candidate, LEASE, gone=lambda process: process in gone)


async def test_first_candidate_owns_the_chain(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        assert await take(ledger, ANN) == 1
        holder = await ledger.lease.holder()
        assert holder == Holder(1, "ann", "process-1", int((START + LEASE) * 1000))
        assert await take(ledger, BOB) is None
        assert await ledger.lease.holder() == holder


async def test_lease_that_is_renewed_lasts(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        owned = ledger.as_owner(await take(ledger, ANN) or 0)
        for _ in range(5):
            clock.now += LEASE - 1
            await owned.lease.renew(LEASE)
            assert await take(ledger, BOB) is None
        clock.now += LEASE
        assert await take(ledger, BOB) == 2


async def test_owner_renews_a_lease_that_ran_out_if_nobody_took_it(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        owned = ledger.as_owner(await take(ledger, ANN) or 0)
        clock.now += 2 * LEASE
        await owned.lease.renew(LEASE)
        assert await take(ledger, BOB) is None


async def test_lease_that_is_given_back_is_free_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        owned = ledger.as_owner(await take(ledger, ANN) or 0)
        await owned.lease.give_back()
        assert await ledger.lease.holder() == Holder(1, None, None, int(START * 1000))
        assert await take(ledger, BOB) == 2


async def test_owner_writes_nothing_after_it_gave_the_lease_back(tmp_path: Path) -> None:
    """Though nobody else owns the chain yet: somebody may before the next statement."""
    async with opened(tmp_path) as ledger:
        owned = ledger.as_owner(await take(ledger, ANN) or 0)
        await owned.lease.give_back()
        assert owned.deposed.is_set()
        for write in (owned.pauses.auto_pause("x"), owned.lease.renew(LEASE), owned.lease.give_back()):
            with pytest.raises(DeposedError):
                await write
        assert await ledger.pauses.active() == {}


async def test_refused_write_tells_the_owner_that_it_is_deposed(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        owned = ledger.as_owner(await take(ledger, ANN) or 0)
        clock.now += LEASE
        await take(ledger, BOB)
        assert not owned.deposed.is_set()
        with pytest.raises(DeposedError):
            await owned.lease.renew(LEASE)
        assert owned.deposed.is_set()
        assert not ledger.deposed.is_set()


async def test_owner_that_is_gone_is_not_waited_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await take(ledger, ANN)
        assert await take(ledger, BOB, "process-1") == 2


async def test_process_follows_itself_with_a_new_epoch(tmp_path: Path) -> None:
    """One that could not give the lease back stands in line again."""
    async with opened(tmp_path) as ledger:
        assert (await take(ledger, ANN), await take(ledger, ANN)) == (1, 2)


async def test_clock_set_back_holds_up_nobody_for_long(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        await take(ledger, ANN)
        clock.now -= 3600
        assert await take(ledger, BOB) == 2


async def test_two_candidates_at_once_get_one_lease(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger, opened(tmp_path) as other:
        epochs = await asyncio.gather(*(take(each, who) for each, who in ((ledger, ANN), (other, BOB)) * 5))
        # The one that has it follows itself.
        winner = raw(tmp_path, "SELECT owner FROM ledger")[0][0]
        assert sum(epoch is not None for epoch in epochs) == 5
        assert winner == ("ann" if epochs[0] is not None else "bob")


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
        shutil.rmtree(self.folder)

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


TestLease = LeaseMachine.TestCase
TestLease.settings = settings(max_examples=60, stateful_step_count=40, derandomize=True)
