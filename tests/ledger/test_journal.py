"""A rollback journal beside the ledger, of that file or of another one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from jobs.ledger import Ledger, LedgerError
from jobs.ledger.backup import back_up
from tests.harness.ledgers import FREE, opened, signup
from tests.harness.program import command


def hot_journal(database: Path) -> bytes:
    """The journal of a transaction on `database` that was cut off once its first pages were written."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        for number in range(50):
            connection.execute(
                "INSERT OR REPLACE INTO facts (name, value) VALUES (?, zeroblob(9000))", (f"f-{number}",)
            )
        return database.with_name(f"{database.name}-journal").read_bytes()


async def backup_of(folder: Path, name: str, *, jobs: int = 1) -> Path:
    """A copy of a ledger that has `jobs`."""
    (folder / name).mkdir()
    async with opened(folder / name) as ledger:
        for number in range(jobs):
            await ledger.signups.accept(signup(f"{name}-{number}"), FREE)
    copy = folder / f"{name}.db"
    back_up(folder / name / "faucet.db", copy)
    return copy


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("faucet.db*") if file.suffix != ".db-shm"}


@pytest.mark.parametrize("ledger", ["served", "restored", "removed", "emptied"])
async def test_journal_of_another_file_is_refused_and_left(tmp_path: Path, ledger: str) -> None:
    """Before SQLite opens anything: it would write the other's pages into the ledger, or delete the journal."""
    copy = await backup_of(tmp_path, "one")
    (tmp_path / "faucet.db-journal").write_bytes(hot_journal(await backup_of(tmp_path, "two", jobs=3)))
    if ledger != "removed":
        (tmp_path / "faucet.db").write_bytes(b"" if ledger == "emptied" else copy.read_bytes())
    if ledger == "served":
        (tmp_path / "faucet.db").write_bytes((tmp_path / "one" / "faucet.db").read_bytes())
    found = files_of(tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text(
        "witness_url: ws://127.0.0.1:1\nregistrar: bob\nwif: 5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"
    )
    for name, *arguments in (("init",), ("jobs",), ("check",), ("backup", str(tmp_path / "copy.db")), ("serve",)):
        code, output, errors = await command(name, "--config", str(config), *arguments)
        assert code == 1, name
        assert "faucet.db-journal" in output + errors or (name, ledger) == ("backup", "removed")
        assert files_of(tmp_path) == found, name
    with pytest.raises(LedgerError, match=r"move faucet\.db-journal away; to use what it belongs to, put that back"):
        await Ledger.open(tmp_path / "faucet.db")


async def test_journal_of_the_ledger_itself_is_rolled_back(tmp_path: Path) -> None:
    """Somebody worked on a restored copy, and was cut off."""
    copy = await backup_of(tmp_path, "one")
    whole = copy.read_bytes()
    (tmp_path / "faucet.db").write_bytes(whole)
    journal = hot_journal(tmp_path / "faucet.db")
    (tmp_path / "faucet.db").write_bytes(whole)
    (tmp_path / "faucet.db-journal").write_bytes(journal)
    async with opened(tmp_path) as ledger:
        assert [job.signup.name for job in await ledger.queries.jobs()] == ["one-0"]
    assert not (tmp_path / "faucet.db-journal").exists()


@pytest.mark.parametrize("journal", [b"", bytes(512)])
async def test_journal_that_holds_nothing_is_none(tmp_path: Path, journal: bytes) -> None:
    """SQLite empties one, or clears its first bytes, as a transaction ends, depending on its mode."""
    (tmp_path / "faucet.db-journal").write_bytes(journal)
    async with opened(tmp_path) as ledger:
        await ledger.signups.accept(signup("new-1"), FREE)
