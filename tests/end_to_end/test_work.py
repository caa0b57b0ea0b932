"""Proof of work on the real program: good once at several processes, whatever crashes, and done by the commands."""

import asyncio
import signal
from collections import Counter
from pathlib import Path

import pytest

from commands.client.work import work_for
from tests.harness.chain_totals import read_totals
from tests.harness.program import Faucet, command, dev_chain, faucet, on_chain, wait_ready
from tests.harness.supervised import CROWD
from tests.harness.support import csv_file
from tests.harness.work import EASY, solved

#: Where a faucet is killed: before and after the commit that accepts, and while the account is made.
STEPS = ("before:signups._commit:1", "after:signups._commit:1", "after:node.broadcast:1")


@pytest.mark.usefixtures("each_engine")
async def test_one_solution_lets_one_in_at_four_processes(tmp_path: Path) -> None:
    async with dev_chain() as chain:
        service = Faucet(tmp_path, on_chain(chain.url, **EASY))
        await service.start("--workers", "4")
        try:
            works = [await solved(service.fetch) for _ in range(3)]
            fields = [
                ({"work": work}, f"worker-{place}-{each}")
                for place, work in enumerate(works)
                for each in range(CROWD // 3)
            ]
            replies = await asyncio.gather(*(service.sign_up(name, fields=field) for field, name in fields))
            assert Counter(reply.status for reply in replies) == {200: 3, 429: CROWD // 3 * 3 - 3}
            names = {reply.body["account"]["name"].rpartition("-")[0] for reply in replies if reply.status == 200}
            assert names == {"worker-0", "worker-1", "worker-2"}
        finally:
            await service.stop()


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("step", STEPS)
async def test_killed_faucet_neither_loses_a_solution_nor_takes_it_twice(tmp_path: Path, step: str) -> None:
    async with dev_chain() as chain:
        service = Faucet(tmp_path, on_chain(chain.url, **EASY))
        await service.start(script=("tests/harness/killed_faucet.py", step))
        fields = {"work": await solved(service.fetch)}
        posting = asyncio.gather(service.sign_up("worker-1", fields=fields), return_exceptions=True)
        assert await service.ended() == -signal.SIGKILL
        await posting
        await service.start()
        try:
            again = await service.sign_up("worker-1", fields=fields)
            other = await service.sign_up("worker-2", fields=fields)
            assert (again.status, other.status) == (200, 429)
            await service.job(again.body["job"]["id"], until="done")
        finally:
            await service.stop()
        totals = await read_totals(chain.node)
        assert dict(totals.registered) == {"worker-1": 1}


@pytest.mark.parametrize("algorithm", ["sha256", "argon2"])
async def test_commands_do_the_work(tmp_path: Path, algorithm: str) -> None:
    work = {"proof_of_work": algorithm, "work_seconds": 0.01}
    async with dev_chain() as chain, faucet(tmp_path, chain.url, **work) as service:
        await wait_ready(service)
        where = ("--config", str(service.config), "--url", service.url)
        code, output, errors = await command("signup", *where, "alice-1", "--password", "secret")
        assert (code, output[:4], errors) == (0, "1.2.", "")
        code, output, _ = await command("bulk", *where, str(csv_file(tmp_path, "name,password\nbob-1,x\nbob-2,x\n")))
        assert (code, output.split()) == (0, ["2", "registered"])
        assert (await service.sign_up("carl-1")).body["error_code"] == "work_required"


@pytest.mark.parametrize(
    "reply",
    [
        {}, [], {"challenge": None}, {"challenge": {"token": "x", "algorithm": "md5", "attempts": 1}},
        {"challenge": {"token": "x", "algorithm": "sha256"}},
        {"challenge": {"token": "x", "algorithm": "argon2", "attempts": 1, "argon2": {"memory": 2**22}}},
    ],
)  # fmt: skip
async def test_client_does_no_work_that_it_does_not_know(reply: object) -> None:
    assert await work_for(reply) is None
