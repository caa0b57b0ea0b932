"""Machines whose clocks are five seconds apart: they have the time of their turns, which is the server's."""

from pathlib import Path

import pytest

from tests.harness.fault_scenario import CLOCKED
from tests.harness.machines import Machine, check_totals, done, machines, sign_up
from tests.harness.program import command_of, dev_chain, on_chain

pytestmark = pytest.mark.usefixtures("every_flavour", "databases")

AHEAD, BEHIND = (CLOCKED, "2.5"), (CLOCKED, "-2.5")
CLIENT = {"X-Forwarded-For": "192.0.2.1"}
INTERVAL = 300  #: seconds between two signups of an address
SHORT_LEASE = 2.0  #: seconds, less than the clocks are apart


async def shows_owner(machine: Machine) -> bool:
    """Whether its metrics say that the chain is owned, and for no longer than the lease."""
    lines = (await machine.fetch("/metrics")).body.decode().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    left = (await machine.owner())["lease_seconds"]
    return float(values["faucet_chain_owned"]) == 1 and 0 < left <= SHORT_LEASE


async def test_clocks_that_are_apart_change_nothing(tmp_path: Path) -> None:
    settings = {"lease_seconds": SHORT_LEASE, "minIPAge": INTERVAL}
    async with (
        dev_chain() as chain,
        machines(tmp_path, chain, "ann", "bob", scripts=[AHEAD, BEHIND], **settings) as (ann, bob),
    ):
        balance = await chain.node.balance("1.2.7")
        await bob.sees_owner("ann")
        assert [await shows_owner(machine) for machine in (ann, bob)] == [True, True]
        first = await ann.sign_up("first-1", headers=CLIENT)
        again = await bob.sign_up("again-1", headers=CLIENT)
        assert (first.status, again.status, again.body["error_code"]) == (200, 429, "throttled")
        assert 0 < int(again.headers["Retry-After"]) <= INTERVAL
        jobs = [first.body["job"]["id"], *await sign_up(bob, "second-1")]
        await done(ann, jobs)
        await ann.pause()
        assert await bob.sees_owner("bob") == 2
        jobs += await sign_up(bob, "third-1")
        await done(bob, jobs)
        await check_totals(tmp_path, chain, ["first-1", "second-1", "third-1"], balance)


@pytest.mark.parametrize(("ahead", "told"), [("30", "30 s behind"), ("-30", "30 s ahead of")])
async def test_clock_that_is_far_off_is_refused(tmp_path: Path, ahead: str, told: str) -> None:
    machine = Machine(tmp_path, "ann", on_chain("ws://127.0.0.1:9", port=0))  # a node that is not asked before
    for command in ("serve", "check"):
        code, output, errors = await command_of((CLOCKED, ahead), command, "--config", str(machine.config))
        assert (code, f"the server's clock is {told} this machine's" in output + errors) == (1, True)
