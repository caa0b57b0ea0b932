"""Two faucets with one registrar: each takes what the other does for what it is, nobody is paid twice."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.harness.chain_totals import read_totals
from tests.harness.program import Faucet, command, dev_chain, faucet, wait_ready

pytestmark = pytest.mark.usefixtures("both_flavours")

PAYING = {"enable_initial_balance": True, "initial_balance": 2, "reconcile_interval": 1}


async def sign_up_all(service: Faucet, *names: str) -> None:
    """Sign up `names`, and wait until they are done."""
    replies = await asyncio.gather(*(service.sign_up(name) for name in names))
    assert {reply.status for reply in replies} == {200}
    for reply in replies:
        await service.job(reply.body["job"]["id"], until="done")


async def metric(service: Faucet, name: str) -> float:
    """The value of a metric without labels."""
    text = (await service.fetch("/metrics")).body.decode()
    (value,) = re.findall(rf"^{name} (\S+)$", text, re.MULTILINE)
    return float(value)


async def test_two_faucets_share_a_registrar(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    async with (
        dev_chain() as chain,
        faucet(folders[0], chain.url, **PAYING) as first,
        faucet(folders[1], chain.url, **PAYING) as second,
    ):
        for service in (first, second):
            await wait_ready(service)
        names = [[f"{side}-{number}" for number in range(8)] for side in ("first", "second")]
        await asyncio.gather(sign_up_all(first, *names[0]), sign_up_all(second, *names[1]))
        await sign_up_all(first, "both-1")
        await sign_up_all(second, "both-1")
        await sign_up_all(first, "last-1")
        totals = await read_totals(chain.node)
        assert {totals.paid[totals.ids[name]] for name in (*names[0], *names[1], "both-1", "last-1")} == {1}
        for service, others in ((first, 2 * 8), (second, 2 * 10)):
            for options in ((), ("--from-block", "1")):
                code, output, errors = await command("reconcile", "--config", str(service.config), *options)
                assert (code, " 0 differences" in output) == (0, True), output + errors
            assert f"{others} operations of the registrar are in no transaction of this ledger" in output
            assert await metric(service, "faucet_differences") == 0
            while await metric(service, "faucet_foreign_operations") < others:
                """Asking is the waiting."""
    for folder in folders:
        assert "unknown payments imported" not in (folder / "log").read_text()


async def test_new_faucet_of_an_established_registrar_raises_no_alarm(tmp_path: Path) -> None:
    """Its comparisons begin where it met the chain; the past is compared when an operator asks for it."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    async with dev_chain() as chain:
        async with faucet(folders[0], chain.url, **PAYING) as first:
            await sign_up_all(first, "old-1", "old-2")
        async with faucet(folders[1], chain.url, **PAYING) as second:
            await wait_ready(second)
            await sign_up_all(second, "new-1")
            while not await metric(second, "faucet_reconciled_block"):
                """Asking is the waiting."""
            assert await metric(second, "faucet_differences") == 0
        where = ("--config", str(second.config))
        code, output, errors = await command("reconcile", *where)
        assert (code, "0 differences" in output) == (0, True), output + errors
        code, output, _ = await command("reconcile", *where, "--from-block", "1")
        assert (code, output.count(": unknown_account: ")) == (1, 2)
        code, output, _ = await command("reconcile", *where, "--rebuild")
        assert (code, output.splitlines()[-1].split(": ")[1]) == (0, "0 differences, 4 recovered")
