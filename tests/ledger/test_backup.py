"""A backup made while the faucet runs is complete, and can be served."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from jobs.errors import Code
from jobs.ledger import LedgerError
from jobs.ledger.backup import back_up
from jobs.ledger.sqlite.file import migrations
from jobs.model.api_key import NewApiKey, hash_of_key
from jobs.model.job import Limits
from jobs.model.owner import Candidate
from tests.harness.ledger_states import API_KEY
from tests.harness.ledgers import code_of, opened, signup
from tests.harness.program import command, dev_chain, faucet

ADDRESS = "192.0.2.100"
SESSION = "0123456789abcdef" * 4
SUBJECT, ERASED = "5ec7" * 8, "e4a5" * 8  #: hashes of networks
QUOTA_KEY = "f00d" * 8


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


async def init(folder: Path) -> Path:
    """The configuration of a new ledger in `folder`."""
    folder.mkdir(exist_ok=True)
    config = folder / "config.yaml"
    config.write_text("")
    await command("init", "--config", str(config))
    return config


def fill(folder: Path) -> None:
    """Put a signup and the address that it came from into the ledger in `folder`."""
    with closing(sqlite3.connect(folder / "faucet.db")) as connection:
        connection.execute(
            "INSERT INTO jobs (id, name, owner_key, active_key, memo_key, created_at, updated_at)"
            " VALUES (hex(randomblob(16)), 'n', '', '', '', 0, 0)"
        )
        connection.executemany("INSERT INTO quotas VALUES (?, 1, 1)", [(SUBJECT,), (ERASED,)])
        connection.execute("DELETE FROM quotas WHERE subject = ?", (ERASED,))
        connection.execute("INSERT INTO quota_keys VALUES (1, ?, 1)", (QUOTA_KEY,))
        connection.execute("INSERT INTO quota_uses VALUES (1, ?, 1)", (SUBJECT,))
        connection.execute("INSERT INTO login_failures VALUES (?, 0)", (ADDRESS,))
        connection.execute("INSERT INTO sessions VALUES (?, 'ann', 'key', 1, 1)", (SESSION,))
        connection.commit()


async def backup(config: Path, to: Path | str, *options: str) -> tuple[int, str, str]:
    return await command("backup", "--config", str(config), *options, str(to))


async def test_folder_keeps_the_last_copies(tmp_path: Path) -> None:
    config = await init(tmp_path)
    for day in ("20260101T000000Z", "20260102T000000Z"):
        (tmp_path / f"faucet-{day}.db").write_bytes(b"old")
    code, output, _ = await backup(config, tmp_path, "--keep", "2")
    assert (code, "faucet-20260101T000000Z.db is deleted" in output) == (0, True)
    assert len(list(tmp_path.glob("faucet-*Z.db"))) == 2


async def test_folder_keeps_the_copy_just_made_and_those_of_other_ledgers(tmp_path: Path) -> None:
    """Also of a ledger with the same name, and a copy that is served from; and with a clock that was ahead."""
    config, other = await init(tmp_path / "one"), await init(tmp_path / "two")
    for folder in (config.parent, other.parent):
        fill(folder)
    copies = tmp_path / "copies"
    copies.mkdir()
    spared = [copies / name for name in ("faucet-20250101T000000Z.db", "faucet-20250102T000000Z.db")]
    assert (await backup(other, spared[0]))[0] == 0
    assert (await backup(config, spared[1]))[0] == 0
    with closing(sqlite3.connect(spared[1])) as served:
        served.execute("PRAGMA journal_mode = WAL")
    spared += [copies / name for name in ("faucet-test-20250101T000000Z.db", "faucet-notes-Z.db", "faucet-1Z.db")]
    for file in spared[2:]:
        file.write_bytes(b"another's")
    ahead = copies / "faucet-29990101T000000Z.db"
    assert (await backup(config, ahead))[0] == 0

    code, output, _ = await backup(config, copies, "--keep", "1")

    assert code == 0
    made = Path(output.splitlines()[-1].removesuffix(" is a whole copy of the ledger"))
    assert {*copies.iterdir()} == {*spared, made}


@pytest.mark.parametrize("name", ["faucet.db", "faucet.db-wal", "faucet.db-shm"])
@pytest.mark.parametrize("link", [None, "symlink_to", "hardlink_to"])
async def test_backup_onto_the_ledger_is_refused(tmp_path: Path, name: str, link: str | None) -> None:
    config = await init(tmp_path)
    with closing(sqlite3.connect(tmp_path / "faucet.db")) as user:
        user.execute("INSERT INTO facts (name, value) VALUES ('open', '1')")
        user.commit()
        target = tmp_path / name
        if link is not None:
            target = tmp_path / "link.db"
            getattr(target, link)(tmp_path / name)
        before = {file: file.read_bytes() for file in tmp_path.iterdir()}

        code, _, errors = await backup(config, target)

        assert (code, "back it up to another file" in errors) == (1, True)
        # Whoever reads a ledger marks that in its shared memory.
        changed = {file.name for file in tmp_path.iterdir() if before.get(file) != file.read_bytes()}
        assert changed <= {"faucet.db-shm", "link.db" if name.endswith("shm") else ""}


async def test_backup_onto_anything_but_a_backup_is_refused(tmp_path: Path) -> None:
    """An empty configuration, another ledger, a copy in use, a pipe, a link to a file that the ledger will have."""
    config, other = await init(tmp_path / "one"), await init(tmp_path / "two")
    fifo, copy, link = tmp_path / "fifo.db", tmp_path / "copy.db", tmp_path / "link.db"
    os.mkfifo(fifo)
    link.symlink_to(config.parent / "faucet.db-journal")
    assert (await backup(config, copy))[0] == 0
    copy.with_name("copy.db-wal").touch()
    for target in (config, other.parent / "faucet.db", fifo, copy, link):
        before = target.read_bytes() if target.is_file() else b""
        code, _, errors = await backup(config, target)
        assert (code, errors.endswith("to another file\n")) == (1, True)
        assert before == (target.read_bytes() if target.is_file() else b"")


@pytest.mark.parametrize("name", ["missing/", "missing", "missing/copy.db", "faucet.example.org"])
async def test_backup_to_a_folder_that_is_not_there_is_an_error(tmp_path: Path, name: str) -> None:
    config = await init(tmp_path)
    before = {*tmp_path.iterdir()}
    code, _, errors = await backup(config, f"{tmp_path}/{name}")
    assert (code, "folder" in errors, len(errors.splitlines())) == (1, True, 1)
    assert {*tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["loop.db", "loop.db/copy.db", "\udcff.db"])
async def test_backup_to_an_impossible_name_is_an_error(tmp_path: Path, name: str) -> None:
    """A link to itself, and a name that SQLite can't take."""
    config = await init(tmp_path)
    (tmp_path / "loop.db").symlink_to("loop.db")
    code, _, errors = await backup(config, f"{tmp_path}/{name}")
    assert (code, len(errors.splitlines())) == (1, 1)
    assert {file.name for file in tmp_path.iterdir()} <= {
        "config.yaml", "faucet.db", "faucet.db-wal", "faucet.db-shm", "loop.db",
    }  # fmt: skip


async def test_backup_to_an_empty_name_is_an_error(tmp_path: Path) -> None:
    """As where a shell's variable is not set: it is not the folder of whoever calls."""
    code, _, errors = await backup(await init(tmp_path), "")
    assert (code, errors) == (1, "TO is empty: there is no folder of this name\n")


async def test_backup_leaves_out_addresses_and_sessions_and_is_its_owners_alone(tmp_path: Path) -> None:
    config = await init(tmp_path)
    fill(tmp_path)
    copy = tmp_path / "copy.db"
    assert (await backup(config, copy))[0] == 0
    assert (await backup(config, copy))[0] == 0  # a copy may be made anew
    assert b"192.0.2." not in copy.read_bytes()
    for secret in (SESSION, SUBJECT, ERASED, QUOTA_KEY):
        assert secret.encode() not in copy.read_bytes()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations()) + 1,)
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_damaged_ledger_replaces_no_good_copy(tmp_path: Path) -> None:
    ledger, copy = tmp_path / "faucet.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("CREATE TABLE jobs (text, email, real_name, refcode)")
        connection.executemany("INSERT INTO jobs (text) VALUES (?)", [("x" * 500,)] * 500)
        connection.commit()
    back_up(ledger, copy)
    good = copy.read_bytes()
    damaged = bytearray(ledger.read_bytes())
    damaged[8192:20480] = b"\xaa" * 12288
    ledger.write_bytes(damaged)
    with pytest.raises(LedgerError):
        back_up(ledger, copy)
    assert copy.read_bytes() == good
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "faucet.db"]


def test_backup_of_a_missing_ledger_creates_none(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger"):
        back_up(tmp_path / "faucet.db", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


async def test_backup_has_no_owner_of_the_chain(tmp_path: Path) -> None:
    """Whoever restores it need not wait for a lease."""
    async with opened(tmp_path) as ledger:
        assert await ledger.lease.acquire(Candidate("ann", "process"), 10) == 1
    back_up(tmp_path / "faucet.db", tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        assert connection.execute("SELECT epoch, owner, process, until FROM ledger").fetchall() == [(1, None, None, 0)]


async def test_restored_backup_knows_the_api_keys_and_not_what_was_counted_of_them(tmp_path: Path) -> None:
    limits = Limits(queue=99, api_key=hash_of_key(API_KEY))
    restored = tmp_path / "restored"
    restored.mkdir()
    async with opened(tmp_path) as ledger:
        await ledger.api_keys.create(API_KEY, NewApiKey("Wallet", per_day=1), by="ann")
        await ledger.signups.accept(signup("before-1"), limits)
        back_up(tmp_path / "faucet.db", restored / "faucet.db")
    async with opened(restored) as ledger:
        assert (await ledger.signups.accept(signup("after-1"), limits)).api_key == 1
        assert await code_of(ledger.signups.accept(signup("after-2"), limits)) is Code.THROTTLED
