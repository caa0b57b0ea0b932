"""The moves of accepted jobs, whatever the ledger's engine."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.errors import Code
from jobs.ledger import ConstraintError, IllegalMoveError, Ledger
from jobs.ledger.job_rows import check_move
from jobs.model.job import Job, Limits, State
from jobs.model.transaction import Fate, Kind, OnChainOperation, OnChainTransaction
from tests.harness.ledgers import FREE, Clock, block, code_of, opened, raw, signed_transaction, signup

pytestmark = pytest.mark.usefixtures("each_engine")


async def test_job_with_an_initial_balance_passes_through_every_state(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        limits = Limits(queue=9, initial_balance="2.5")
        job = await ledger.signups.accept(signup("rich-1"), limits)
        states = [job.state]

        async def look() -> None:
            states.append((await ledger.queries.jobs())[0].state)

        (registration,) = await ledger.drain.record_signed([signed_transaction(Kind.REGISTRATION, [job], "r")])
        await look()
        await ledger.blocks.follow([block(1, registration)], 0)
        await look()
        (funding,) = await ledger.drain.record_signed([signed_transaction(Kind.FUNDING, [job], "f")])
        await look()
        await ledger.blocks.follow([block(2, funding)], 0)
        await look()
        await ledger.blocks.finalize([(registration, ["1.2.101"])])
        await look()
        await ledger.blocks.finalize([(funding, [None])])
        await look()
        path = ["queued", "broadcast", "registered", "funding", "funded", "funded", "done"]
        assert states == [State(state) for state in path]


async def test_refused_but_included_transaction_registers_its_job(tmp_path: Path) -> None:
    """The chain wins, even over a job that has failed in the meantime."""

    async with opened(tmp_path) as ledger:
        job = await ledger.signups.accept(signup("odd-1"), FREE)
        (transaction,) = await ledger.drain.record_signed([signed_transaction(Kind.REGISTRATION, [job], "r")])
        await ledger.drain.refuse(transaction, rejected={job.number: (Code.CHAIN_REFUSED, "no")})
        assert (await ledger.queries.jobs())[0].state is State.FAILED
        await ledger.blocks.follow([block(1, transaction)], 0)
        job_now = (await ledger.queries.jobs())[0]
        assert (job_now.state, job_now.code, job_now.account_id) == (State.REGISTERED, None, "1.2.101")


async def test_ended_job_stays_ended_when_a_newer_one_has_its_name(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.signups.accept(signup("odd-1"), FREE)
        (transaction,) = await ledger.drain.record_signed([signed_transaction(Kind.REGISTRATION, [job], "r")])
        await ledger.drain.refuse(transaction, rejected={job.number: (Code.CHAIN_REFUSED, "no")})
        await ledger.signups.accept(signup("odd-1"), FREE)
        await ledger.blocks.follow([block(1, transaction)], 0)
        assert [job.state for job in await ledger.queries.jobs()] == [State.QUEUED, State.FAILED]


async def test_block_that_holds_the_same_twice_is_followed(tmp_path: Path) -> None:
    """A node that lies may show such."""
    async with opened(tmp_path) as ledger:
        job = await ledger.signups.accept(signup("twice-1"), Limits(9, initial_balance="2.5"))
        (registration,) = await ledger.drain.record_signed([signed_transaction(Kind.REGISTRATION, [job], "r")])
        names = (("twice-1", "1.2.7"), ("other-1", "1.2.8"), ("twice-1", "1.2.9"))
        await ledger.blocks.follow([block(1, registration, accounts=names)], 0)
        assert await ledger.names.account_ids(["twice-1", "other-1"]) == {"twice-1": "1.2.7", "other-1": "1.2.8"}
        operation = OnChainOperation("twice-1", "1.2.7", None, Decimal("2.5"), 5)
        payment = OnChainTransaction(Kind.FUNDING, "f" * 40, "f" * 130, "{}", 1, 1, 2, 1, (operation,))
        paying = replace(block(2), payments=(payment, payment), results={payment.signature: (None,)})
        await ledger.blocks.follow([paying], 0)
        assert (await ledger.queries.jobs())[0].state is State.FUNDED


async def test_same_bytes_signed_again_are_live_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.signups.accept(signup("twice-1"), FREE)
        (first,) = await ledger.drain.record_signed([signed_transaction(Kind.REGISTRATION, [job], "same")])
        await ledger.drain.refuse(first, rejected={})
        (second,) = await ledger.drain.record_signed([signed_transaction(Kind.REGISTRATION, [job], "same")])
        assert second.number == first.number
        assert [entry.fate for entry in await ledger.drain.live()] == [Fate.LIVE]


async def test_innocent_jobs_keep_their_attempts_and_others_wait_longer(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        jobs = [await ledger.signups.accept(signup(f"pair-{number}"), FREE) for number in range(2)]
        (transaction,) = await ledger.drain.record_signed([signed_transaction(Kind.REGISTRATION, jobs, "1")])
        await ledger.drain.refuse(transaction, rejected={jobs[0].number: (Code.INVALID_KEY, "no")})
        (waiting,) = await ledger.drain.queued(10)
        assert (waiting.signup.name, waiting.attempts) == ("pair-1", 0)
        (transaction,) = await ledger.drain.record_signed([signed_transaction(Kind.REGISTRATION, [waiting], "2")])
        await ledger.drain.refuse(transaction, rejected={}, counted=True)
        assert await ledger.drain.queued(10) == []
        clock.now += 1
        assert [job.attempts for job in await ledger.drain.queued(10)] == [1]


async def test_transfer_never_becomes_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        limits = Limits(queue=9, initial_balance="1")
        job = await ledger.signups.accept(signup("rich-1"), limits)
        (registration,) = await ledger.drain.record_signed([signed_transaction(Kind.REGISTRATION, [job], "r")])
        await ledger.blocks.follow([block(1, registration)], 0)
        (funding,) = await ledger.drain.record_signed([signed_transaction(Kind.FUNDING, [job], "f")])
        with pytest.raises(ConstraintError, match="transactions_funding_never_refused"):
            await ledger.drain.refuse(funding, rejected={})
        assert (await ledger.queries.jobs())[0].state is State.FUNDING
        assert await ledger.drain.record_signed([signed_transaction(Kind.FUNDING, [job], "again")]) == []


def test_illegal_moves_are_refused() -> None:
    for before, after in ((State.DONE, State.QUEUED), (State.QUEUED, State.DONE), (State.BROADCAST, State.CANCELLED)):
        with pytest.raises(IllegalMoveError):
            check_move(before, after)


async def test_cancel_and_retry_do_all_or_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        jobs = [await ledger.signups.accept(signup(f"job-{number}"), FREE) for number in range(2)]
        await ledger.drain.record_signed([signed_transaction(Kind.REGISTRATION, jobs[1:], "r")])
        assert (
            await code_of(ledger.operators.cancel([job.id for job in jobs], by="operator", reason="x"))
            is Code.BAD_REQUEST
        )
        assert (await ledger.queries.job(jobs[0].id) or jobs[1]).state is State.QUEUED
        assert await code_of(ledger.operators.cancel(["nothing"], by="operator", reason="x")) is Code.NOT_FOUND
        await ledger.operators.cancel([jobs[0].id], by="operator", reason="by hand")
        await ledger.signups.accept(signup("job-0", "other"), FREE)
        assert await code_of(ledger.operators.retry([jobs[0].id], by="operator")) is Code.ACCOUNT_EXISTS


_steps = st.lists(
    st.sampled_from(["accept", "sign", "include", "fund", "orphan", "settle", "expire", "refuse"]), max_size=25
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_steps, st.randoms(use_true_random=False))
async def test_random_steps_keep_the_invariants(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], random: Any
) -> None:
    """After any sequence the counts are right, one live job a name, and no job is paid by two live transfers."""

    folder = tmp_path_factory.mktemp("walk")
    async with opened(folder) as ledger:
        walk = Walk(ledger, random)
        for step in steps:
            await getattr(walk, step)()
            assert_invariants(folder)


class Walk:
    """Random legal steps of a ledger."""

    def __init__(self, ledger: Ledger, random: Any) -> None:
        self.ledger = ledger
        self.random = random
        self.signed = 0
        self.head = 0
        self.irreversible = 0

    async def accept(self) -> None:
        limits = Limits(queue=99, initial_balance=self.random.choice([None, "1"]))
        await self.ledger.signups.accept(signup(f"name-{self.random.randrange(4)}"), limits)

    async def sign(self) -> None:
        await self._record(Kind.REGISTRATION, await self.ledger.drain.queued(9))

    async def fund(self) -> None:
        await self._record(Kind.FUNDING, (await self.ledger.drain.unfunded(9)).jobs)

    async def include(self) -> None:
        live = await self.ledger.drain.live()
        included = [entry for entry in live if self.random.random() < 0.7]
        self.head += 1
        await self.ledger.blocks.follow([block(self.head, *included)], self.irreversible)

    async def orphan(self) -> None:
        if self.head > self.irreversible:
            await self.ledger.blocks.orphan(self.head)
            self.head -= 1

    async def settle(self) -> None:
        self.irreversible = self.head
        for entry in await self.ledger.blocks.unfinalized(self.irreversible):
            await self.ledger.blocks.finalize([(entry, [f"1.2.{100 + job}" for job in entry.jobs])])

    async def expire(self) -> None:
        await self.ledger.expiry.expire(await self.ledger.expiry.overdue(10**9))

    async def refuse(self) -> None:
        registrations = [entry for entry in await self.ledger.drain.live() if entry.kind is Kind.REGISTRATION]
        for entry in registrations[:1]:
            rejected = {job: (Code.CHAIN_REFUSED, "no") for job in entry.jobs if self.random.random() < 0.3}
            await self.ledger.drain.refuse(entry, rejected=rejected)

    async def _record(self, kind: Kind, jobs: Sequence[Job]) -> None:
        if jobs:
            self.signed += 1
            await self.ledger.drain.record_signed([signed_transaction(kind, jobs, str(self.signed))])


def assert_invariants(folder: Path) -> None:
    """Assert the invariants, in plain SQL."""
    counted = dict(raw(folder, "SELECT state, count(*) FROM jobs GROUP BY state"))
    stored = {state: jobs for state, jobs in raw(folder, "SELECT state, jobs FROM job_counts") if jobs}
    assert counted == stored
    live = raw(folder, "SELECT count(*) - count(DISTINCT name) FROM jobs WHERE state NOT IN ('failed', 'cancelled')")
    assert live == [(0,)]
    paid = raw(
        folder,
        "SELECT max(n) FROM (SELECT count(*) AS n FROM operations JOIN transactions ON transactions.number = txn "
        "WHERE kind = 'funding' AND fate <> 'expired' GROUP BY job) AS paid",
    )
    assert paid[0][0] in (None, 1)


async def test_transaction_that_raises_is_rolled_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.signups.accept(signup("one-1"), FREE)
        assert await code_of(ledger.operators.cancel([job.id, "nothing"], by="ann", reason="x")) is Code.NOT_FOUND
        assert await ledger.operators.audit() == []
        await ledger.operators.cancel([job.id], by="ann", reason="x")
        await ledger.close()
