"""Several faucets on one ledger: one owns the chain, whatever happens to it, and another one takes over."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.harness.machines import LONG_LEASE, Machine, check_taken_over, check_totals, done, machines, sign_up
from tests.harness.mailserver import Mailbox, mail_server
from tests.harness.program import HASTY, command, dev_chain

pytestmark = pytest.mark.usefixtures("every_flavour", "each_engine")

SHORT_LEASE = 1.5  #: seconds
ROUNDS = 6

#: Where the owner is stopped while another one takes over: tests.harness.killed_faucet.
STEPS = [
    "before:drain.record_signed:1",
    "after:drain.record_signed:1",
    "after:node.broadcast:1",
    "before:blocks.follow:3",
    "before:drain.record_signed:2",
    "after:drain.record_signed:2",
    "after:node.broadcast:2",
    "before:blocks.finalize:1",
]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_next_in_line_takes_over_without_waiting_for_the_lease(tmp_path: Path, number: signal.Signals) -> None:
    """An owner that ends gives the lease back; one that is dead for certain is not waited for."""
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", lease_seconds=LONG_LEASE) as (ann, bob):
        balance = await chain.node.balance("1.2.7")
        assert await ann.sees_owner("ann") == await bob.sees_owner("ann") == 1
        jobs = await sign_up(bob, "early-1", "early-2")
        await bob.job(jobs[0], until=("broadcast", "registered", "funding", "funded", "done"))
        await ann.stop(number)
        assert await bob.sees_owner("bob") == 2
        jobs += await sign_up(bob, "late-1")
        await done(bob, jobs)
        await check_totals(tmp_path, chain, ["early-1", "early-2", "late-1"], balance)


async def test_mail_server_that_hangs_does_not_delay_the_next_owner(tmp_path: Path) -> None:
    """Nor does it keep the owner from ending, which has given the lease back before."""
    async with mail_server(box=Mailbox(taking=asyncio.Event())) as server, dev_chain() as chain:
        mailing: dict[str, Any] = {
            "admins": "ops@example.com", "mail_host": f"127.0.0.1:{server.port}", "mail_tls": "none",
            "balance_mailthreshold": 10**9, "lease_seconds": LONG_LEASE,
        }  # fmt: skip
        async with machines(tmp_path, chain, "ann", "bob", **mailing) as (ann, bob):
            await server.box.hesitates.wait()
            ann.send(signal.SIGTERM)
            assert await bob.sees_owner("bob") == 2
            assert await ann.ended() == 0
        log = (ann.folder / "log").read_text()
        assert "unclosed" not in log
        assert "Traceback" not in log


async def test_stopped_owner_writes_nothing_when_it_goes_on(tmp_path: Path) -> None:
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", lease_seconds=SHORT_LEASE) as (ann, bob):
        balance = await chain.node.balance("1.2.7")
        await ann.pause()
        jobs = await sign_up(bob, "stopped-1")
        assert await bob.sees_owner("bob") == 2
        ann.send(signal.SIGCONT)
        await ann.logged('event="lease lost" owner=ann epoch=1')
        await ann.logged('event="in line for the chain" owner=bob epoch=2')
        assert await ann.sees_owner("bob") == 2
        jobs += await sign_up(ann, "after-1")
        await done(ann, jobs)
        await check_totals(tmp_path, chain, ["stopped-1", "after-1"], balance)
        await bob.stop()
        assert await ann.sees_owner("ann") == 3


@pytest.mark.parametrize("step", STEPS)
async def test_owner_stopped_at_any_step_is_taken_over_from(tmp_path: Path, step: str) -> None:
    """What it wrote ahead is sent by the next one too, and what it had not is signed by that one alone."""
    await check_taken_over(tmp_path, f"{step}:SIGSTOP", lease_seconds=SHORT_LEASE)


async def test_owners_killed_and_stopped_in_turn_lose_nothing(tmp_path: Path) -> None:
    names: list[str] = []
    jobs: list[str] = []
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", lease_seconds=SHORT_LEASE) as (ann, bob):
        balance, epoch, owner, other = await chain.node.balance("1.2.7"), 1, ann, bob
        for turn in range(ROUNDS):
            crowd = [f"turn-{turn}-{number}" for number in range(5)]
            names += crowd
            accepting = asyncio.create_task(sign_up(other, *crowd))
            disturbance = (signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM)[turn % 3]
            if disturbance is signal.SIGSTOP:
                await owner.pause()
            else:
                await owner.stop(disturbance)
            epoch = await other.sees_owner(other.name, after=epoch)
            if disturbance is signal.SIGSTOP:
                owner.send(signal.SIGCONT)
            else:
                await owner.start()
            jobs += await accepting
            await owner.sees_owner(other.name, after=epoch - 1)
            owner, other = other, owner
        assert epoch == 1 + ROUNDS
        await done(owner, jobs)
        await check_totals(tmp_path, chain, names, balance)


async def test_embedded_chain_goes_on_where_the_last_owner_left_it(tmp_path: Path) -> None:
    """Only the owner makes its blocks, so there is one chain, and none of its blocks is lost."""
    settings = {**HASTY, "lease_seconds": LONG_LEASE, "devchain_block_interval": 0.1, "devchain_data": "../chain"}
    ann, bob = (Machine(tmp_path, name, settings) for name in ("ann", "bob"))
    await ann.start()
    await ann.sees_owner("ann")
    await bob.start()
    try:
        (job,) = await sign_up(bob, "one-1")
        first = await bob.job(job, until="done")
        await ann.stop()
        await bob.sees_owner("bob")
        jobs = await sign_up(bob, "two-1")
        second = await bob.job(jobs[0], until="done")
        assert second["block_num"] > first["block_num"]
        assert (await bob.fetch("/api/v1/accounts/one-1")).body["account"]["available"] is False
        code, output, _ = await command("reconcile", "--config", str(bob.config), "--from-block", "1")
        assert (code, output.splitlines()[-1].split(": ", 1)[1]) == (0, "0 differences, 0 recovered")
    finally:
        await ann.stop()
        await bob.stop()


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=" ".join)
async def test_roles_divide_the_work(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A process that serves HTTP needs no key, and shows what the chain's owner wrote."""
    async with dev_chain() as chain, machines(tmp_path, chain, "chain-1") as (first,):
        await first.stop()
        front = Machine(tmp_path, "front-1", {"witness_url": chain.url, "registrar": "faucet", **HASTY})
        await front.start("--role", "http", *options)
        try:
            job = (await sign_up(front, "role-1"))[0]
            assert (await front.owner())["machine"] is None
            await first.start_chain()
            assert await front.sees_owner("chain-1", after=1) == 2
            await front.job(job, until="done")
            assert (await front.fetch("/readyz")).body["ready"]
        finally:
            await front.stop()


async def test_role_chain_serves_no_http(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "ann", {})
    code, _, errors = await command("serve", "--config", str(machine.config), "--role", "chain", "--port", "0")
    assert code == 2
    assert "which --role chain does not serve" in errors


async def test_processes_of_two_supervisors_stand_in_line(tmp_path: Path) -> None:
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", lease_seconds=LONG_LEASE) as (ann,):
        balance = await chain.node.balance("1.2.7")
        bob = Machine(tmp_path, "bob", {**ann.settings, "machine": "bob"})
        await bob.start("--workers", "2")
        try:
            jobs = await sign_up(bob, "one-1")
            await bob.job(jobs[0], until="done")
            await ann.stop()
            assert await bob.sees_owner("bob") == 2
            jobs += await sign_up(bob, "two-1")
            await done(bob, jobs)
            await check_totals(tmp_path, chain, ["one-1", "two-1"], balance)
        finally:
            await bob.stop()
