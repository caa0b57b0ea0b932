"""A ledger that is locked, unwritable, damaged or old, and a full disk."""

import resource
import signal
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from jobs.ledger.sqlite.file import migrations
from tests.harness.fault_scenario import Scenario, fault_scenario
from tests.harness.program import Faucet, HttpReply, command, keys_of
from tests.harness.support import DATA

IMPATIENT = ("tests/harness/impatient_faucet.py", "0.2")  # waits for a lock 25 times shorter
PLAIN = ("tests/harness/plain_faucet.py",)
UNLIMITED = resource.RLIM_INFINITY


def ledger(folder: Path) -> Path:
    return folder / "faucet.db"


async def refused(scenario: Scenario, name: str) -> None:
    """Sign up, expecting 503 with Retry-After."""
    reply: HttpReply = await scenario.service.sign_up(name)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert reply.body["error_code"] == "ledger_unavailable"


async def test_ledger_locked_by_a_shell_for_thirty_seconds(tmp_path: Path) -> None:
    """Six times as long as the lock timeout; jobs in progress continue afterwards."""

    async with fault_scenario(tmp_path, script=IMPATIENT) as scenario:
        await scenario.broadcast("before-1")
        with closing(sqlite3.connect(ledger(tmp_path), isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            await scenario.chain.control("stall", False)
            for number in range(6):
                await refused(scenario, f"held-{number}")
            await scenario.reported("ledger", "can't be written")
            shell.execute("ROLLBACK")
        await scenario.sign_up(*(f"held-{number}" for number in range(6)))


class Disk:
    """A full disk for one process: none of its files may grow.

    RLIMIT_FSIZE simulates it: the write fails as on a full disk, only with another errno.
    """

    def __init__(self, pid: int, folder: Path) -> None:
        self._pid = pid
        self._log = folder / "faucet.db-wal"

    def fill(self) -> None:
        """Fill the disk."""
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (self._log.stat().st_size, UNLIMITED))

    def clear(self) -> None:
        """Free the disk."""
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))


async def test_disk_full_while_accepting(tmp_path: Path) -> None:
    async with fault_scenario(tmp_path) as scenario:
        await scenario.sign_up("before-1")
        disk = Disk(scenario.service.pid, tmp_path)
        disk.fill()
        await refused(scenario, "full-1")
        await scenario.reported("ledger", "can't be written")
        await refused(scenario, "full-2")
        disk.clear()
        await scenario.sign_up("full-1", "full-2")


async def test_disk_full_while_draining(tmp_path: Path) -> None:
    """Nothing unwritten is broadcast; earlier broadcasts are included unnoticed, and are found in their blocks."""

    async with fault_scenario(tmp_path) as scenario:

        async def steer(*arguments: str) -> None:
            assert (await command(*arguments, "--config", str(scenario.service.config)))[0] == 0

        disk = Disk(scenario.service.pid, tmp_path)
        await scenario.broadcast("sent-1")
        await steer("pause", "drain", "--reason", "The disk is filling.")
        await scenario.sign_up("queued-1")
        disk.fill()
        await steer("resume", "drain", "--reason", "Let us see.")
        await scenario.reported("ledger", "can't be written")
        await scenario.chain.control("produce", 10)
        await scenario.reported("ledger", "can't be written")
        sent, queued = await scenario.chain.node.accounts(["sent-1", "queued-1"])
        assert (sent is not None, queued) == (True, None)
        await scenario.chain.control("stall", False)
        disk.clear()


async def test_read_only_ledger(tmp_path: Path) -> None:
    async with fault_scenario(tmp_path) as scenario:
        await scenario.sign_up("before-1")
        await scenario.service.stop()
        ledger(tmp_path).chmod(0o444)
        await scenario.service.start(script=PLAIN)
        assert await scenario.service.ended() == 1
        assert (tmp_path / "log").read_text().endswith("faucet.db can't be written by this user\n")
        ledger(tmp_path).chmod(0o644)
        await scenario.service.start(script=PLAIN)


@pytest.mark.parametrize("damage", [b"\xaa" * 12_288, b""])
async def test_damaged_ledger(tmp_path: Path, damage: bytes) -> None:
    """It is refused and left unchanged, until the operator restores a backup."""

    async with fault_scenario(tmp_path) as scenario:
        await scenario.sign_up("before-1")
        await scenario.reach("done")
        await scenario.service.stop()
        whole = ledger(tmp_path).read_bytes()
        damaged = whole[:8_192] + damage + whole[20_480:]
        ledger(tmp_path).write_bytes(damaged)
        await scenario.service.start()
        assert await scenario.service.ended() == 1
        last_line = (tmp_path / "log").read_text().splitlines()[-1]
        assert last_line.startswith("faucet.db is damaged (")
        assert last_line.endswith("): restore a backup; it was left as it is")
        assert ledger(tmp_path).read_bytes() == damaged
        ledger(tmp_path).write_bytes(whole)
        await scenario.service.start()


def files_of_ledger(folder: Path) -> dict[str, bytes]:
    """What a look must not change: whoever reads marks that in the shared memory, which holds nothing else."""
    return {file.name: file.read_bytes() for file in folder.glob("faucet.db*") if file.suffix != ".db-shm"}


@pytest.mark.parametrize("slip", ["restored", "removed", "emptied"])
async def test_log_of_another_ledger_is_refused(tmp_path: Path, slip: str) -> None:
    """The faucet was killed, and a backup was put in place of its ledger, but not of the log beside it."""

    async with fault_scenario(tmp_path) as scenario:
        await scenario.sign_up("before-1")
        config, copy = ("--config", str(scenario.service.config)), tmp_path / "copy.db"
        assert (await command("backup", *config, str(copy)))[0] == 0
        await scenario.sign_up("after-1")
        await scenario.service.stop(signal.SIGKILL)
        whole = ledger(tmp_path).read_bytes()
        ledger(tmp_path).unlink()
        if slip != "removed":
            ledger(tmp_path).write_bytes(copy.read_bytes() if slip == "restored" else b"")
        found = files_of_ledger(tmp_path)
        assert found["faucet.db-wal"]
        await scenario.service.start()
        assert await scenario.service.ended() == 1
        said = (tmp_path / "log").read_text().splitlines()[-1]
        assert "nothing was changed" in said
        assert "move faucet.db-wal and faucet.db-shm away" in said
        for arguments in (("jobs",), ("init",), ("check",), ("backup", str(tmp_path / "other.db"))):
            assert (await command(arguments[0], *config, *arguments[1:]))[0] == 1
        assert files_of_ledger(tmp_path) == found
        ledger(tmp_path).write_bytes(whole)
        await scenario.service.start()


async def test_looking_at_a_damaged_ledger_changes_nothing(tmp_path: Path) -> None:
    """Nor is the log that a killed faucet left written into it."""

    async with fault_scenario(tmp_path) as scenario:
        await scenario.sign_up("before-1")
        await scenario.reach("done")
        config = ("--config", str(scenario.service.config))
        await scenario.service.stop()
        await scenario.service.start()
        await scenario.sign_up("after-1")
        await scenario.service.stop(signal.SIGKILL)
        whole = ledger(tmp_path).read_bytes()
        ledger(tmp_path).write_bytes(whole[:8_192] + b"\xaa" * (len(whole) - 8_192))
        found = files_of_ledger(tmp_path)
        assert found["faucet.db-wal"]
        for arguments in (("jobs",), ("check",), ("init",), ("backup", str(tmp_path / "copy.db"))):
            code, output, errors = await command(arguments[0], *config, *arguments[1:])
            assert (code, "is damaged (" in output + errors or "malformed" in errors) == (1, True), arguments
        assert files_of_ledger(tmp_path) == found
        ledger(tmp_path).write_bytes(whole)
        await scenario.service.start()


async def test_older_ledger_is_migrated_and_resumes(tmp_path: Path) -> None:
    """It is migrated, and what waits in it is registered and paid."""
    with closing(sqlite3.connect(ledger(tmp_path))) as old:
        old.executescript((DATA / "ledger-1.sql").read_text())
        old.execute(
            "INSERT INTO jobs (id, name, owner_key, active_key, memo_key, initial_balance, created_at, updated_at) "
            "VALUES ('old', 'old-1', :owner_key, :active_key, :memo_key, '1.5', 0, 0)",
            keys_of("old-1"),
        )
        old.commit()

    async with fault_scenario(tmp_path) as scenario:
        scenario.jobs["old-1"] = "old"
        await scenario.sign_up("new-1")
        await scenario.recovered()
        with closing(sqlite3.connect(ledger(tmp_path))) as migrated:
            assert migrated.execute("PRAGMA user_version").fetchone() == (len(migrations()) + 1,)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


async def test_files_of_the_ledger_are_their_owners_alone(tmp_path: Path) -> None:
    """Also those that an earlier version left for everybody to read."""
    state = tmp_path / "state"
    settings = {"ledger": "state/faucet.db", "devchain_data": "state/chain/dev.journal"}
    service = Faucet(tmp_path, settings)
    await service.start()
    try:
        await service.sign_up("private-1")
        assert {mode(folder) for folder in (state, state / "chain")} == {0o700}
        files = [file for file in state.rglob("*") if file.is_file()]
        assert {"faucet.db", "faucet.db-wal", "faucet.db-shm", "dev.journal"} <= {file.name for file in files}
        assert {mode(file) for file in files} == {0o600}
        await service.stop(signal.SIGKILL)
        for file in files:
            file.chmod(0o644)
        await service.start()
        assert {mode(file) for file in files} == {0o600}
    finally:
        await service.stop()


async def test_erased_address_leaves_no_copy(tmp_path: Path) -> None:
    """Its hash neither, in the ledger or in its log, however the faucet ended before."""
    address = b"198.51.100.77"
    async with fault_scenario(tmp_path, minIPAge=1, limits={}) as scenario:
        headers = {"X-Forwarded-For": address.decode()}
        reply = await scenario.service.sign_up("seen-1", headers=headers)
        scenario.jobs["seen-1"] = reply.body["job"]["id"]
        await scenario.reach("done")
        with closing(sqlite3.connect(ledger(tmp_path))) as shell:
            ((subject, until),) = shell.execute("SELECT subject, until FROM quotas").fetchall()
        assert any(subject.encode() in content for content in files_of_ledger(tmp_path).values())
        assert not any(address in content for content in files_of_ledger(tmp_path).values())
        await scenario.service.stop(signal.SIGKILL)
        while time.time() * 1000 <= until:
            """Asking is the waiting: it is over a second after the signup."""
        await scenario.service.start()
        assert not any(subject.encode() in content for content in files_of_ledger(tmp_path).values())
        assert "faucet_ledger_log_bytes" in (await scenario.service.fetch("/metrics")).body.decode()
