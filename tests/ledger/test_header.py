"""A ledger whose file is written over in place is told from one that is written through SQLite."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from jobs.errors import FaucetError
from jobs.ledger import Ledger
from jobs.ledger.backup import back_up
from tests.harness.ledgers import FREE, opened, signup

OVERWRITTEN = (
    "faucet.db was overwritten while the faucet used it: the faucet ends, to be started again on what is there"
)


async def other_ledger(folder: Path, signups: int) -> Path:
    """The file of a ledger that is in use elsewhere, as a copy of it looks."""
    folder.mkdir()
    async with opened(folder) as ledger:
        await asyncio.gather(*(ledger.signups.accept(signup(f"other-{number}"), FREE) for number in range(signups)))
    return folder / "faucet.db"


async def copy_of_another(folder: Path) -> bytes:
    return (await other_ledger(folder / "other", 1)).read_bytes()


async def copy_of_a_large_one(folder: Path) -> bytes:
    return (await other_ledger(folder / "other", 500)).read_bytes()


async def backup(folder: Path) -> bytes:
    back_up(folder / "faucet.db", folder / "copy.db")
    return (folder / "copy.db").read_bytes()


async def served_backup(folder: Path) -> bytes:
    await backup(folder)
    await (await Ledger.open(folder / "copy.db")).close()
    return (folder / "copy.db").read_bytes()


async def nothing(_folder: Path) -> bytes:
    return b""


async def garbage(_folder: Path) -> bytes:
    return b"plain text" * 5000


@pytest.mark.parametrize(
    "made",
    [copy_of_another, copy_of_a_large_one, backup, served_backup, nothing, garbage],
    ids=lambda made: made.__name__,
)
async def test_overwritten_ledger_is_noticed_and_left_as_it_is(tmp_path: Path, made: Callable[..., object]) -> None:
    """Nothing is committed, and the log is not written into what is there now, not even in the end."""
    file = tmp_path / "faucet.db"
    async with opened(tmp_path) as ledger:
        await ledger.signups.accept(signup("before-1"), FREE)
        content = await made(tmp_path)  # type: ignore[misc]  # each of them is awaited
        assert ledger.misplaced() is None
        file.write_bytes(content)
        assert ledger.misplaced() == OVERWRITTEN
        for attempt in (ledger.signups.accept(signup("after-1"), FREE), ledger.signups.purge_quotas()):
            with pytest.raises(FaucetError):
                await attempt
        await ledger.rescue()
        assert not (tmp_path / "faucet.db-wal").exists()
        assert [path.stat().st_size > 0 for path in tmp_path.glob("faucet.db-wal-*")] == [True]
    assert file.read_bytes() == content


async def test_older_copy_of_the_file_is_noticed(tmp_path: Path) -> None:
    """Made by cp, which knows nothing of the log."""
    file = tmp_path / "faucet.db"
    async with opened(tmp_path) as ledger:
        await ledger.signups.accept(signup("before-1"), FREE)
        await ledger.signups.purge_quotas()
        older = file.read_bytes()
        await ledger.signups.accept(signup("before-2"), FREE)
        await ledger.signups.purge_quotas()
        assert ledger.misplaced() is None
        file.write_bytes(older)
        assert ledger.misplaced() == OVERWRITTEN


async def test_writing_through_sqlite_raises_no_alarm(tmp_path: Path) -> None:
    """Neither the faucet's own, nor another process's, nor a shell's, whatever it does to the whole file."""
    async with opened(tmp_path) as ledger:

        async def look_while(work: asyncio.Task[object]) -> None:
            while not work.done():
                assert ledger.misplaced() is None
                await asyncio.sleep(0)

        async def sign_up() -> None:
            for number in range(100):
                await ledger.signups.accept(signup(f"busy-{number}"), FREE)

        def use_shell() -> None:
            with closing(sqlite3.connect(tmp_path / "faucet.db", isolation_level=None, timeout=30)) as shell:
                for number in range(20):
                    shell.execute("INSERT INTO facts (name, value) VALUES (?, zeroblob(50000))", (f"shell-{number}",))
                    shell.execute("PRAGMA wal_checkpoint(PASSIVE)")
                shell.execute("DELETE FROM facts WHERE name LIKE 'shell-%'")
                shell.execute("VACUUM")
                shell.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        work = asyncio.gather(sign_up(), asyncio.to_thread(use_shell))
        await look_while(work)  # type: ignore[arg-type]  # a future all the same
        await work
        second = await Ledger.open(tmp_path / "faucet.db")
        await second.signups.purge_quotas()
        await second.close()
        assert ledger.misplaced() is None


async def test_ledgers_and_their_backups_have_ids_of_their_own(tmp_path: Path) -> None:
    file = await other_ledger(tmp_path / "one", 1)
    back_up(file, tmp_path / "copy.db")
    files = [file, await other_ledger(tmp_path / "two", 1), tmp_path / "copy.db"]
    ids = {each.read_bytes()[68:72] for each in files}
    assert len(ids) == len(files)
    assert bytes(4) not in ids
    await (await Ledger.open(file)).close()
    assert file.read_bytes()[68:72] in ids, "it keeps its id"
