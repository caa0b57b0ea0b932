"""A block may hold any operation: what the faucet can't read ends neither its following of blocks nor a comparison."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.harness.chain_totals import read_totals
from tests.harness.lying import lies
from tests.harness.lying.operations import OddOperations
from tests.harness.lying.relay import Relay
from tests.harness.program import HASTY, Faucet, command, dev_chain, faucet, wait_ready

pytestmark = pytest.mark.usefixtures("both_flavours")

PAYING = {"enable_initial_balance": True, "initial_balance": 2, **HASTY, "node_timeout": 5}


async def metric(service: Faucet, name: str) -> float:
    """The value of a metric without labels."""
    text = (await service.fetch("/metrics")).body.decode()
    (value,) = re.findall(rf"^{name} (\S+)$", text, re.MULTILINE)
    return float(value)


async def test_odd_operations_end_nothing(tmp_path: Path) -> None:
    async with dev_chain() as chain, Relay(chain.url) as relay, faucet(tmp_path, relay.url, **PAYING) as service:
        await wait_ready(service)
        relay.lie(OddOperations())
        for name in ("alice-1", "bob-1"):
            await relay.lied_with(OddOperations, relay.lied["OddOperations"] + OddOperations.every)
            job = (await service.sign_up(name)).body["job"]["id"]
            await service.job(job, until="done")
        await wait_ready(service)
        assert await metric(service, "faucet_malformed_operations_total") > 0
        for options in ((), ("--from-block", "1"), ("--rebuild",)):
            code, output, errors = await command("reconcile", "--config", str(service.config), *options)
            assert "operations can't be read, and were passed over: block " in output, errors
            assert code == 0, output
        totals = await read_totals(chain.node)
        assert {totals.paid[totals.ids[name]] for name in ("alice-1", "bob-1")} == {1}
    log = (tmp_path / "log").read_text()
    assert " block=" in next(line for line in log.splitlines() if "malformed operation passed over" in line)
    assert "Traceback" not in log


@pytest.mark.parametrize("path", [("operations", 0), ("operations", 0, 1, "fee")], ids=repr)
async def test_own_operation_that_can_not_be_read_is_waited_for(tmp_path: Path, path: tuple[str | int, ...]) -> None:
    """What became of it can't be told: it is neither taken for included nor signed anew."""
    async with dev_chain() as chain, Relay(chain.url) as relay, faucet(tmp_path, relay.url) as service:
        await wait_ready(service)
        relay.lie(lies.WrongValue("get_block", ("transactions", 0, *path), "word"))
        job = (await service.sign_up("alice-1")).body["job"]["id"]
        sentence = "holds a transaction of this ledger that can't be read"
        while sentence not in (await service.fetch("/readyz")).body["checks"]["drain"]["text"]:
            """Asking is the waiting."""
        relay.heal()
        await service.job(job, until="done")
        with closing(sqlite3.connect(tmp_path / "faucet.db")) as ledger:
            assert ledger.execute("SELECT count(*) FROM transactions").fetchone() == (1,)
