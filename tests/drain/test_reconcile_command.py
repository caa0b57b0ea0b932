"""`faucet.py reconcile`, beside a server and without one."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.harness.chain_totals import read_totals
from tests.harness.program import Faucet, command, dev_chain, faucet, on_chain

PAYING = {"enable_initial_balance": True, "initial_balance": 2}


async def signed_up(service: Faucet, *names: str) -> list[str]:
    """The ids of jobs that are done."""
    ids = [(await service.sign_up(name)).body["job"]["id"] for name in names]
    for job_id in ids:
        await service.job(job_id, until="done")
    return ids


async def test_rebuilt_ledger_pays_nothing_again(tmp_path: Path) -> None:
    async with dev_chain() as chain:
        async with faucet(tmp_path, chain.url, **PAYING) as service:
            await signed_up(service, "alice-1", "bob-1")
        for file in tmp_path.glob("faucet.db*"):
            file.unlink()
        before = await read_totals(chain.node)
        where = ("--config", str(service.config))
        code, output, _ = await command("reconcile", *where)
        assert (code, output.count("unknown_account")) == (0, 0)
        assert "where this ledger met the chain: --from-block compares earlier ones too" in output
        code, output, _ = await command("reconcile", *where, "--from-block", "1")
        assert (code, output.count("unknown_account")) == (1, 2)
        code, output, _ = await command("reconcile", *where, "--rebuild")
        assert (code, output.splitlines()[-1].split(": ")[1]) == (0, "0 differences, 4 recovered")
        async with faucet(tmp_path, chain.url, **PAYING) as again:
            job = (await again.sign_up("alice-1")).body["job"]
            assert job["state"] == "done"
            await signed_up(again, "carol-1")
        after = await read_totals(chain.node)
        assert set((after.paid - before.paid).values()) == {1}
        assert len(after.paid) == len(before.paid) + 1


async def test_server_reconciles_periodically(tmp_path: Path) -> None:
    """Differences found are stored in the ledger."""

    async with dev_chain() as chain, faucet(tmp_path, chain.url, reconcile_interval=1) as service:
        await signed_up(service, "alice-1")
        with closing(sqlite3.connect(tmp_path / "faucet.db")) as connection:
            connection.execute("UPDATE jobs SET account_id = '1.2.9999'")
            connection.commit()
            code = 0
            while code == 0:
                code, output, _ = await command("reconcile", "--config", str(service.config), "--from-block", "1")
            assert "other_account" in output
            while not connection.execute("SELECT count(*) FROM reconciliations WHERE registrations = 0").fetchone()[0]:
                await service.fetch("/healthz")


async def test_reconcile_refuses_a_ledger_of_another_chain(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        await signed_up(service, "alice-1")
    async with dev_chain() as other:
        moved = Faucet(tmp_path, on_chain(other.url))
        code, _, errors = await command("reconcile", "--config", str(moved.config), "--rebuild")
        assert (code, "another chain" in errors.splitlines()[-1]) == (1, True)


async def test_unreachable_node_is_one_line(tmp_path: Path) -> None:
    moved = Faucet(tmp_path, on_chain("ws://127.0.0.1:1"))
    code, _, errors = await command("reconcile", "--config", str(moved.config))
    assert (code, errors.splitlines()[-1].startswith("not reached: ")) == (1, True)
