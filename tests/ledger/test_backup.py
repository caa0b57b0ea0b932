"""A backup made while the faucet runs is complete, and can be served."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from jobs.ledger import LedgerError
from jobs.ledger.backup import back_up, delete_old_backups
from tests.harness.program import command, dev_chain, faucet


async def test_backup_made_under_load_can_be_served(tmp_path: Path) -> None:
    names = [f"load-{number}" for number in range(60)]

    async with dev_chain() as chain:
        folder = tmp_path / "first"
        folder.mkdir()
        async with faucet(folder, chain.url) as service:
            before = [(await service.sign_up(name)).body["job"]["id"] for name in names[:20]]
            load = [asyncio.create_task(service.sign_up(name)) for name in names[20:]]
            restored = tmp_path / "restored"
            restored.mkdir()
            where = ("--config", str(service.config))
            assert (await command("backup", *where, str(restored / "faucet.db")))[0] == 0
            assert {reply.status for reply in await asyncio.gather(*load)} == {200}
        assert [path.name for path in restored.iterdir()] == ["faucet.db"]
        async with faucet(restored, chain.url) as again:
            for job_id in before:
                await again.job(job_id, until="done")


async def test_folder_keeps_the_last_copies(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("")
    await command("init", "--config", str(config))
    for day in ("20260101T000000Z", "20260102T000000Z"):
        (tmp_path / f"faucet-{day}.db").write_bytes(b"old")
    code, output, _ = await command("backup", "--config", str(config), "--keep", "2", str(tmp_path))
    assert (code, "faucet-20260101T000000Z.db is deleted" in output) == (0, True)
    assert len(list(tmp_path.glob("faucet-*Z.db"))) == 2


def test_damaged_ledger_replaces_no_good_copy(tmp_path: Path) -> None:
    ledger, copy = tmp_path / "faucet.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("CREATE TABLE jobs (text)")
        connection.executemany("INSERT INTO jobs VALUES (?)", [("x" * 500,)] * 500)
        connection.commit()
    back_up(ledger, copy)
    good = copy.read_bytes()
    damaged = bytearray(ledger.read_bytes())
    damaged[8192:20480] = b"\xaa" * 12288
    ledger.write_bytes(damaged)
    with pytest.raises(LedgerError):
        back_up(ledger, copy)
    assert copy.read_bytes() == good


def test_backup_of_a_missing_ledger_creates_none(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger"):
        back_up(tmp_path / "faucet.db", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_only_old_backups_are_deleted(tmp_path: Path) -> None:
    for name in ("faucet-1Z.db", "faucet-2Z.db", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in delete_old_backups(tmp_path, "faucet-*Z.db", 1)] == ["faucet-1Z.db"]
