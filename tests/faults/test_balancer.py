"""Faucets behind the balancer of deploy/machines, one of which is killed, stands still, or can't reach its ledger."""

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness.balancer import Balancer, balancer, needs_balancer
from tests.harness.machines import Machine, check_totals, machines
from tests.harness.program import DevChainProgram, HttpReply, dev_chain, keys_of
from tests.harness.steady_signups import steady_signups

pytestmark = pytest.mark.usefixtures("databases")

SHORT_LEASE = 1.5  #: seconds


@asynccontextmanager
async def balanced(folder: Path, **settings: Any) -> AsyncIterator[tuple[Balancer, list[Machine], DevChainProgram]]:
    """Two faucets on one ledger, the first of which owns the chain, behind a balancer."""
    needs_balancer()
    settings = {"lease_seconds": SHORT_LEASE, **settings}
    async with (
        dev_chain() as chain,
        machines(folder, chain, "ann", "bob", **settings) as every,
        balancer(folder, [machine.url for machine in every]) as front,
    ):
        yield front, every, chain


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_machine_that_dies_or_stands_still_is_left(tmp_path: Path, number: signal.Signals) -> None:
    """Each signup is answered with 200 in the end, is registered once and paid once."""
    async with balanced(tmp_path, restrict_ip=False) as (front, (ann, bob), chain):
        balance = await chain.node.balance("1.2.7")
        async with steady_signups(front.fetch) as signups:
            await signups.more()
            ann.send(number)
            await bob.sees_owner("bob")
            await signups.more()
            if number is signal.SIGSTOP:
                ann.send(signal.SIGCONT)
        assert signups.refusals <= {"overloaded"}
        await check_totals(tmp_path, chain, list(signups.jobs), balance)


async def test_one_address_signs_up_once_whatever_machine_answers(tmp_path: Path) -> None:
    """Its address reaches all machines, and nobody may pretend to another one."""
    async with balanced(tmp_path) as (front, _, _):
        assert (await sign_up(front, "first-1")).status == 200
        for number in range(4):
            refused = await sign_up(front, f"next-{number}", headers={"X-Forwarded-For": f"198.51.100.{number}"})
            assert (refused.status, refused.body["error_code"]) == (429, "throttled")


async def test_no_machine_is_left(tmp_path: Path) -> None:
    """Wallets get JSON that their pages may read, browsers a page."""
    async with balanced(tmp_path) as (front, every, _):
        for machine in every:
            await machine.stop()
        reply = await sign_up(front, "alone-1")
        assert (reply.status, reply.body["error_code"]) == (503, "overloaded")
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert (await front.fetch("/status")).headers["Content-Type"] == "text/html; charset=UTF-8"


async def sign_up(front: Balancer, name: str, **options: Any) -> HttpReply:
    body = json.dumps({"account": {"name": name, **keys_of(name)}})
    return await front.fetch("/api/v1/accounts", method="POST", body=body, **options)
