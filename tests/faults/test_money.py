"""A registrar that cannot pay, may no longer sign, or must pay more than before."""

import json
from pathlib import Path

import pytest

from chain.keys import format_public_key
from devchain.settings import published_key
from tests.harness.fault_scenario import FORGET, fault_scenario
from tests.harness.flavours import prefix

pytestmark = pytest.mark.usefixtures("every_flavour")


async def test_registrar_out_of_funds_and_refilled(tmp_path: Path) -> None:
    """The balance runs out during the initial balances, then even a registration cannot be paid."""

    async with fault_scenario(tmp_path) as scenario:
        await scenario.set_balance(5_000_000)  # three accounts and one transfer, which costs more
        await scenario.sign_up("poor-1", "poor-2", "poor-3")
        await scenario.reported("balance", "pays for 0 more signups")
        await scenario.sign_up("poor-4", "poor-5", "poor-6")
        await scenario.reported("drain", "does not pay for an account")
        assert "does not pay for an account" in (await scenario.service.fetch("/status")).body.decode()
        await scenario.reach("queued", "registered", "funded", "done")
        await scenario.set_balance(10**9)


async def test_changed_registrar_key_pauses_the_drain(tmp_path: Path) -> None:
    """Transactions signed with the old key expire; jobs wait until the faucet has the new one."""

    key = published_key("new registrar")
    async with fault_scenario(tmp_path) as scenario:
        await scenario.chain.control("fault", FORGET)
        await scenario.broadcast("before-1")
        await scenario.chain.control("set_key", "faucet", format_public_key(key.public, prefix()))
        await scenario.chain.control("stall", False)
        await scenario.sign_up("after-1")
        await scenario.reported("drain", "does not match the active authority of the registrar faucet.")
        await scenario.reported("key", "does not match the active authority of the registrar faucet.")
        await scenario.reach("queued")
        await scenario.service.stop()
        settings = json.loads(scenario.service.config.read_text())
        scenario.service.config.write_text(json.dumps({**settings, "wif": key.wif()}))
        await scenario.service.start()
