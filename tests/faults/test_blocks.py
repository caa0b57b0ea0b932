"""Orphaned and missing blocks, and transactions that expire before a block includes them."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.harness.fault_scenario import CLOCKED, FORGET, Scenario, fault_scenario
from tests.harness.flavours import has_results
from tests.harness.program import QUICK_LAG

pytestmark = pytest.mark.usefixtures("every_flavour")

SMALL = ("--parameter", "maximum_transaction_size=500")  # two accounts, or two transfers and a little
DEEP_LAG = 25
DEEP = ("--block-interval", "0.05", "--irreversible-lag", str(DEEP_LAG), "--faults")
NAMES = [f"fork-{number}" for number in range(6)]
EXPIRED = 20  #: blocks after which what is signed now has irreversibly expired: each takes a second at least


async def account_ids(scenario: Scenario) -> list[str]:
    """The accounts' ids as the faucet now shows them."""
    return [
        (await scenario.service.fetch(f"/api/v1/jobs/{job}")).body["job"]["account_id"]
        for job in scenario.jobs.values()
    ]


def expired(folder: Path) -> list[str]:
    """The kinds of the expired transactions, in order of signing."""
    with closing(sqlite3.connect(folder / "faucet.db")) as ledger:
        return [kind for (kind,) in ledger.execute("SELECT kind FROM transactions WHERE fate = 'expired'")]


@pytest.mark.parametrize(("blocks", "paid"), [(1, False), (1, True), (5, True), (20, True)])
async def test_orphaned_blocks(tmp_path: Path, blocks: int, paid: bool) -> None:
    """Registrations, or balances, or both are in them; the accounts come back in another order with other ids."""

    async with fault_scenario(tmp_path, *DEEP, *SMALL) as scenario:
        await scenario.broadcast(*NAMES)
        await scenario.chain.control("produce", 1)
        if has_results() or paid:
            await scenario.payable(DEEP_LAG)
            await scenario.reach("funding")
        else:
            await scenario.reach("registered")
        before = await account_ids(scenario)
        if paid:
            await scenario.chain.control("produce", 1)
            await scenario.reach("funded")
        await scenario.chain.control("produce", max(0, blocks - 2))
        await scenario.chain.control("orphan", blocks, True, True)
        await scenario.chain.control("stall", False)
        await scenario.reach("done")
        stay = blocks == 1 or not has_results()  # where there are no results, what is paid is irreversible
        assert (before == await account_ids(scenario)) is (paid and stay)


async def test_chain_stalls_for_an_hour(tmp_path: Path) -> None:
    """The first block includes what the node still has; the rest has expired by then, and is signed again."""

    async with fault_scenario(tmp_path, node=(CLOCKED, "0"), script=(CLOCKED, "0")) as scenario:
        await scenario.chain.control("fault", FORGET)
        await scenario.broadcast("early-1")
        for pid in (scenario.chain.program.pid, scenario.service.pid):
            os.kill(pid, signal.SIGUSR1)
        await scenario.reported("head", "seconds old")
        await scenario.sign_up("late-1")
        await scenario.pending("late-1")
        await scenario.chain.control("stall", False)
        await scenario.reach("done")
        assert expired(tmp_path) == ["registration"]


async def test_unbroadcast_transaction_expires_and_is_signed_again(tmp_path: Path) -> None:
    """The node acknowledges the registration, later the transfer, and drops both: they are signed again."""

    async with fault_scenario(tmp_path) as scenario:
        await scenario.chain.control("fault", FORGET)
        await scenario.broadcast("unsent-1")
        await scenario.chain.control("produce", EXPIRED)
        await scenario.pending("unsent-1")
        await scenario.chain.control("fault", FORGET)
        await scenario.chain.control("produce", 1)
        await scenario.payable(QUICK_LAG)
        await scenario.reach("funding")
        await scenario.chain.control("produce", EXPIRED)
        await scenario.chain.control("stall", False)
        await scenario.reach("done")
        assert expired(tmp_path) == ["registration", "funding"]
