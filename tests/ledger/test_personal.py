"""Personal data of signups are erased: when they are old, and at once where an operator says so."""

from pathlib import Path

import pytest

from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.model.job import Job, Limits, Signup
from tests.harness.ledgers import FREE, START, Clock, opened, signup
from tests.harness.program import keys_of
from tests.harness.serving import broadcast, register

DAY = 86_400
NOW = int(START * 1000)
DATA = {"email": "ann@personal.example", "real_name": "Ann Personal", "refcode": "personal-7"}


async def accepted(ledger: Ledger, name: str, **data: str) -> Job:
    return await ledger.signups.accept(signup(name, **data), FREE)


async def data_of(ledger: Ledger, job: Job) -> dict[str, str | None]:
    found = await ledger.queries.job(job.id)
    if found is None:
        raise AssertionError("the job stays")
    return {field: getattr(found.signup, field) for field in DATA if getattr(found.signup, field) is not None}


@pytest.mark.usefixtures("each_engine")
async def test_old_personal_data_are_erased_in_batches(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        old = [await accepted(ledger, f"old-{number}", **{field: DATA[field]}) for number, field in enumerate(DATA)]
        await accepted(ledger, "plain-1")
        clock.now += DAY
        young = await accepted(ledger, "young-1", **DATA)

        assert [await ledger.personal.erase_old(NOW, 2) for _ in range(3)] == [2, 1, 0]

        assert [await data_of(ledger, job) for job in old] == [{}] * 3
        assert await data_of(ledger, young) == DATA
        assert await ledger.personal.erase_old(NOW + DAY * 1000 - 1) == 0


@pytest.mark.usefixtures("each_engine")
async def test_forget_erases_those_of_every_job_of_a_name(tmp_path: Path) -> None:
    """Also of one that failed and of one in hand; a second time there is nothing left to do or to record."""
    async with opened(tmp_path) as ledger:
        failed = await accepted(ledger, "ann-1", **DATA)
        await ledger.drain.fail({failed.number: (Code.CHAIN_REFUSED, "no")})
        sent = await accepted(ledger, "ann-1", email="a@b.example")
        await broadcast(ledger, sent)
        other = await accepted(ledger, "ann-10", **DATA)

        erased = await ledger.operators.forget("ann-1", by="bob", reason="asked to")

        assert [(job.id, job.fields) for job in erased] == [(failed.id, list(DATA)), (sent.id, ["email"])]
        assert (await data_of(ledger, failed), await data_of(ledger, sent)) == ({}, {})
        assert await data_of(ledger, other) == DATA
        assert await ledger.operators.forget("ann-1", by="bob") == []
        entries = [(entry.who, entry.what, entry.target, entry.why) for entry in await ledger.operators.audit()]
        assert entries == [("bob", "forget", sent.id, "asked to"), ("bob", "forget", failed.id, "asked to")]


@pytest.mark.usefixtures("each_engine")
async def test_forgotten_signup_goes_on_and_can_be_repeated(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        first = Signup("ann-1", **keys_of("ann-1"), **DATA)
        job = await ledger.signups.accept(first, FREE)
        await ledger.operators.forget("ann-1", by="bob")
        assert (await ledger.signups.accept(first, Limits(queue=0))).id == job.id
        assert await data_of(ledger, job) == {}
        await register(ledger, job)


@pytest.mark.usefixtures("each_engine")
async def test_forget_of_a_name_without_jobs_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        with pytest.raises(FaucetError) as caught:
            await ledger.operators.forget("nobody-1", by="bob")
        assert caught.value.code is Code.NOT_FOUND
        assert await ledger.operators.audit() == []


def copies_in(folder: Path) -> dict[str, int]:
    """How often one of DATA stands in each file of the folder."""
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return {name: sum(content.count(text.encode()) for text in DATA.values()) for name, content in files.items()}


@pytest.mark.parametrize("forgotten", [True, False])
async def test_erased_personal_data_leave_no_copy(tmp_path: Path, *, forgotten: bool) -> None:
    async with opened(tmp_path) as ledger:
        for number in range(5):
            await accepted(ledger, f"ann-{number}", **DATA)
        assert copies_in(tmp_path)["faucet.db-wal"] >= len(DATA)
        if forgotten:
            for number in range(5):
                await ledger.operators.forget(f"ann-{number}", by="bob")
        else:
            assert await ledger.personal.erase_old(NOW) == 5
            assert await ledger.personal.erase_copies()
        assert set(copies_in(tmp_path).values()) == {0}
