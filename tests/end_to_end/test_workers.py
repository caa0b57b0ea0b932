"""Several processes serve HTTP and one owns the chain: limits and guarantees hold across them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from commands.processes import HTTP_NICE
from tests.harness.chain_totals import read_totals
from tests.harness.operators import HASH, Door, Operator
from tests.harness.program import DevChainProgram, Faucet, dev_chain, on_chain
from tests.harness.serving import turn
from tests.harness.supervised import CROWD, children, metric, of_chain, of_http, sockets_of

WORKERS = 4


@asynccontextmanager
async def workers(folder: Path, chain: DevChainProgram, **settings: Any) -> AsyncIterator[Faucet]:
    """A faucet of four processes for HTTP and one for the chain."""
    service = Faucet(folder, on_chain(chain.url, **settings))
    await service.start("--workers", str(WORKERS))
    try:
        yield service
    finally:
        await service.stop()


@pytest.mark.usefixtures("each_engine")
async def test_concurrent_signups_are_registered_and_paid_once(tmp_path: Path) -> None:
    names = [f"crowd-{number}" for number in range(CROWD)]

    async with dev_chain() as chain:
        paying = {"enable_initial_balance": True, "initial_balance": 1}
        async with workers(tmp_path, chain, **paying) as service:
            assert len(of_http(service.pid)) == WORKERS
            assert len(of_chain(service.pid)) == 1
            replies = await asyncio.gather(*(service.sign_up(name) for name in names))
            assert {reply.status for reply in replies} == {200}
            for reply in replies:
                await service.job(reply.body["job"]["id"], until="done")
            while await metric(service, 'faucet_signups_total{outcome="accepted"}') != len(names):
                await turn()
            while await metric(service, "faucet_registration_seconds_count") != len(names):
                await turn()
            assert await metric(service, 'faucet_jobs{state="done"}') == len(names)
            assert await metric(service, "faucet_chain_connected") == 1
        totals = await read_totals(chain.node)
        assert [totals.registered[name] for name in names] == [1] * len(names)
        assert [totals.paid[totals.ids[name]] for name in names] == [1] * len(names)


async def test_processes_for_http_stand_back_behind_the_owner_of_the_chain(tmp_path: Path) -> None:
    async with dev_chain() as chain, workers(tmp_path, chain) as service:
        (owner,) = priorities(of_chain(service.pid))
        while priorities(of_http(service.pid)) != [min(19, owner + HTTP_NICE)] * WORKERS:
            await turn()
        assert priorities(of_chain(service.pid)) == [owner]


def priorities(processes: Iterable[int]) -> list[int]:
    return [os.getpriority(os.PRIO_PROCESS, each) for each in processes]


async def test_crowd_is_divided(tmp_path: Path) -> None:
    """As other tests take for granted."""

    async with dev_chain() as chain, workers(tmp_path, chain) as service:
        before = {pid: sockets_of(pid) for pid in of_http(service.pid)}
        parts = urlsplit(service.url)
        opened = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(CROWD)]
        while sum(more := [sockets_of(pid) - count for pid, count in before.items()]) < CROWD:
            await turn()
        assert sum(count > 0 for count in more) > 1
        for _, writer in opened:
            writer.close()


@pytest.mark.usefixtures("each_engine")
async def test_concurrent_repeats_are_one_job(tmp_path: Path) -> None:
    async with dev_chain() as chain, workers(tmp_path, chain) as service:
        replies = await asyncio.gather(*(service.sign_up("same-1") for _ in range(CROWD)))
        assert {reply.status for reply in replies} == {200}
        assert len({reply.body["job"]["id"] for reply in replies}) == 1


@pytest.mark.usefixtures("each_engine")
async def test_concurrent_signups_from_one_address_get_one_account(tmp_path: Path) -> None:
    client = {"X-Forwarded-For": "192.0.2.1"}

    async with dev_chain() as chain, workers(tmp_path, chain, minIPAge=300) as service:
        replies = await asyncio.gather(*(service.sign_up(f"many-{n}", headers=client) for n in range(CROWD)))
        assert sorted(reply.status for reply in replies) == [200] + [429] * (CROWD - 1)


@pytest.mark.usefixtures("each_engine")
async def test_waiting_reply_learns_of_blocks_from_another_process(tmp_path: Path) -> None:
    """The process that holds the request is not the one that follows blocks."""

    async with dev_chain() as chain, workers(tmp_path, chain) as service:
        replies = await asyncio.gather(*(service.sign_up(f"held-{n}", "/faucet?wait=30") for n in range(12)))
        assert {reply.body["job"]["state"] for reply in replies} <= {"registered", "done"}


async def test_login_is_valid_in_every_process(tmp_path: Path) -> None:
    async with dev_chain() as chain, workers(tmp_path, chain, admin_password_hash=HASH) as service:
        operator = Operator(Door(service))
        await operator.log_in()
        replies = await asyncio.gather(*(operator.see("/admin/jobs") for _ in range(CROWD)))
        assert {reply.status for reply in replies} == {200}


async def test_dead_process_is_restarted(tmp_path: Path) -> None:
    async with dev_chain() as chain, workers(tmp_path, chain) as service:
        before = children(service.pid).keys()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        while len(of_http(service.pid) - before) < WORKERS or not of_chain(service.pid) - before:
            await turn()
        job = (await service.sign_up("after-1")).body["job"]["id"]
        await service.job(job, until="done")


async def test_stop_answers_accepted_signups_and_ends_every_process(tmp_path: Path) -> None:
    async with dev_chain() as chain, workers(tmp_path, chain) as service:
        pids = children(service.pid).keys()
        waiting = [asyncio.create_task(service.sign_up(f"late-{n}", "/faucet?wait=30")) for n in range(20)]
        await waiting[0]
        assert await service.stop() == 0
        answered = [task.result() for task in waiting if not task.exception()]
        assert {reply.status for reply in answered} == {200}
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


async def test_killed_supervisor_takes_its_processes_along(tmp_path: Path) -> None:
    async with dev_chain() as chain, workers(tmp_path, chain) as service:
        pids = children(service.pid).keys()
        await service.stop(signal.SIGKILL)
        while [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
            await turn()


async def test_unusable_ledger_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "faucet.db").write_bytes(b"no database" * 1000)
    service = Faucet(tmp_path, {})
    await service.start("--workers", "2")
    assert await service.ended() == 1
    assert (tmp_path / "log").read_text().count("\n") == 1
