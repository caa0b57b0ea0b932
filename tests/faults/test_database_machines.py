"""Three machines on one ledger: the same name, or the same address, at all of them at once."""

import asyncio
from pathlib import Path

import pytest

from tests.harness.machines import check_totals, done, machines
from tests.harness.program import dev_chain

pytestmark = pytest.mark.usefixtures("every_flavour", "each_engine")

ROUNDS = 3


async def test_same_name_at_once_is_one_job(tmp_path: Path) -> None:
    """With the same keys all are told of the one job; with others, one is accepted."""
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", "cyd") as every:
        balance = await chain.node.balance("1.2.7")
        jobs, names = [], []
        for number in range(ROUNDS):
            names += [f"same-{number}", f"rival-{number}"]
            replies = await asyncio.gather(*(machine.sign_up(names[-2]) for machine in every))
            (job,) = {reply.body["job"]["id"] for reply in replies}
            rivals = await asyncio.gather(*(machine.sign_up(names[-1], password=machine.name) for machine in every))
            assert sorted(reply.status for reply in rivals) == [200, 409, 409]
            assert {reply.body.get("error_code") for reply in rivals} == {None, "account_exists"}
            jobs += [job, *(reply.body["job"]["id"] for reply in rivals if reply.status == 200)]
        await done(every[0], jobs)
        await check_totals(tmp_path, chain, names, balance)


async def test_same_address_at_once_is_one_signup(tmp_path: Path) -> None:
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", "cyd") as every:
        for number in range(ROUNDS):
            client = {"X-Forwarded-For": f"192.0.2.{number}"}
            replies = await asyncio.gather(
                *(machine.sign_up(f"{machine.name}-{number}", headers=client) for machine in every)
            )
            assert sorted(reply.status for reply in replies) == [200, 429, 429]
            assert {reply.body.get("error_code") for reply in replies} == {None, "throttled"}
