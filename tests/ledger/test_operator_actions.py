"""Operators' actions on jobs and on the faucet, and their audit entries."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.model.job import Job, Limits, Signup, State
from jobs.model.operators import Pause
from tests.harness import ledgers
from tests.harness.program import keys_of
from tests.harness.serving import broadcast, register

pytestmark = pytest.mark.usefixtures("each_engine")

NOW = 1_800_000_000
FREE = Limits(queue=1000)


def opened(folder: Path) -> AbstractAsyncContextManager[Ledger]:
    return ledgers.opened(folder, lambda: NOW)


async def accepted(ledger: Ledger, name: str) -> Job:
    return await ledger.signups.accept(Signup(name, **keys_of(name)), FREE)


async def test_every_action_is_audited_with_actor_and_reason(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await accepted(ledger, "alice-1")
        await ledger.operators.cancel([job.id], by="ann", reason="asked to")
        await ledger.operators.retry([job.id], by="bob")
        await ledger.operators.fail([job.id], by="ann", reason="spam")
        await ledger.operators.pause("intake", by="bob", reason="upgrade")
        await ledger.operators.resume("intake", by="bob", reason="done")
        await ledger.operators.record(who="ann", what="login")
        entries = [(entry.who, entry.what, entry.target, entry.why) for entry in await ledger.operators.audit()]
        assert entries == [
            ("ann", "login", "", ""),
            ("bob", "resume", "intake", "done"),
            ("bob", "pause", "intake", "upgrade"),
            ("ann", "fail", job.id, "spam"),
            ("bob", "retry", job.id, ""),
            ("ann", "cancel", job.id, "asked to"),
        ]
        assert {entry.at for entry in await ledger.operators.audit()} == {NOW * 1000}


async def test_audit_is_read_page_by_page_and_by_target(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for number in range(5):
            await ledger.operators.record(who="ann", what="login", target=f"t{number % 2}")
        first = await ledger.operators.audit(limit=2)
        second = await ledger.operators.audit(limit=2, before=first[-1].number)
        assert [entry.number for entry in first + second] == [5, 4, 3, 2]
        assert [entry.number for entry in await ledger.operators.audit(target="t1")] == [4, 2]


async def test_job_failed_by_hand_has_its_reason_and_can_be_retried(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await accepted(ledger, "alice-1")
        await ledger.operators.fail([job.id], by="ann", reason="No spam, please.")
        failed = await ledger.queries.job(job.id)
        assert failed is not None
        assert (failed.state, failed.code, failed.reason) == (State.FAILED, Code.REJECTED, "No spam, please.")
        await ledger.operators.retry([job.id], by="ann")
        again = await ledger.queries.job(job.id)
        assert again is not None
        assert (again.state, again.code, again.reason) == (State.QUEUED, None, None)


@pytest.mark.parametrize("sent", ["broadcast", "registered"])
async def test_broadcast_job_cannot_be_ended_by_hand(tmp_path: Path, sent: str) -> None:
    """It may be in a block already; a second signup of its name would be paid twice."""

    async with opened(tmp_path) as ledger:
        job = await accepted(ledger, "alice-1")
        await (broadcast(ledger, job) if sent == "broadcast" else register(ledger, job))
        for action in (ledger.operators.cancel, ledger.operators.fail):
            with pytest.raises(FaucetError) as caught:
                await action([job.id], by="ann", reason="x")
            assert caught.value.code is Code.BAD_REQUEST
        assert await ledger.operators.audit() == []


async def test_action_refused_for_one_job_applies_to_none(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await accepted(ledger, "alice-1")
        with pytest.raises(FaucetError):
            await ledger.operators.cancel([job.id, "nothing"], by="ann", reason="x")
        retried = await ledger.queries.job(job.id)
        assert retried is not None
        assert retried.state is State.QUEUED
        assert await ledger.operators.audit() == []


async def test_faucet_ends_only_its_own_pause(tmp_path: Path) -> None:
    """The faucet ends only its own pause; an operator can replace and end any."""

    async with opened(tmp_path) as ledger:
        await ledger.pauses.auto_pause("no money")
        assert await ledger.pauses.active() == {"drain": Pause("no money", "faucet", NOW * 1000, automatic=True)}
        await ledger.pauses.end_auto_pause()
        assert await ledger.pauses.active() == {}
        await ledger.operators.pause("drain", by="ann", reason="upgrade")
        await ledger.pauses.auto_pause("no money")
        await ledger.pauses.end_auto_pause()
        assert await ledger.pauses.active() == {"drain": Pause("upgrade", "ann", NOW * 1000)}
        await ledger.operators.resume("drain", by="bob")
        assert await ledger.pauses.active() == {}
