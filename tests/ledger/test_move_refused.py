"""What is no ledger to move, or no place to move one to; and that never two ledgers are in use."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from jobs.errors import Code
from jobs.ledger import Ledger, LedgerError
from jobs.ledger.backup import back_up
from jobs.ledger.move.mover import move
from jobs.ledger.processes import this_process
from jobs.model.owner import Candidate
from tests.harness.ledgers import FREE, code_of, signup
from tests.harness.moves import FEW, accept, ends, failing, moved, rows_of, run_in, used


async def test_moved_ledger_is_used_no_more(file: Path, url: str, tmp_path: Path) -> None:
    moved(file, url)
    sentence = r"this ledger was moved to postgresql://.*, which is the one to use; `faucet.py move --from '.*' --to …`"
    for attempt in (Ledger.open, Ledger.open_to_read):
        with pytest.raises(LedgerError, match=sentence):
            await attempt(file)
    with pytest.raises(LedgerError, match=sentence):
        moved(file, url)
    copy = tmp_path / "copy.db"
    back_up(file, copy)
    with pytest.raises(LedgerError, match=sentence):
        await Ledger.open(copy)


async def test_backup_of_a_moved_ledger_can_be_used_again(file: Path, url: str, tmp_path: Path) -> None:
    """It knows that it is one: what came after it is looked for on the chain."""
    moved(file, url)
    back_up(file, copy := tmp_path / "copy.db")
    run_in(copy, "UPDATE ledger SET moved_to = NULL")
    await accept(copy, "again-1")
    assert run_in(copy, "SELECT value FROM facts WHERE name = 'restored_from'") == [("2",)]


async def test_faucet_that_has_the_ledger_open_writes_no_more_once_it_is_moved(file: Path, url: str) -> None:
    async def use(ledger: Ledger) -> None:
        run_in(url, "UPDATE ledger SET moved_to = '/somewhere'")
        assert await code_of(ledger.signups.accept(signup("late-1"), FREE)) is Code.LEDGER_UNAVAILABLE

    moved(file, url)
    await used(url, use)
    assert run_in(url, "SELECT 1 FROM jobs WHERE name = 'late-1'") == []


@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
async def test_ledger_that_is_open_elsewhere_is_not_moved(there: str, file: Path, url: str) -> None:
    source, target = await ends(there, file, url)
    sentences = {
        "postgresql": "faucet.db is open in another process: stop the faucet",
        "sqlite": "connections of faucets to this database are open: stop these faucets first",
    }

    async def use(ledger: Ledger) -> None:
        assert await ledger.queries.jobs()
        await ledger.check_writable()
        with pytest.raises(LedgerError, match=sentences[there]):
            moved(source, target)

    await used(source, use)
    moved(source, target)


@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
async def test_ledger_whose_chain_is_owned_is_not_moved(there: str, file: Path, url: str) -> None:
    source, target = await ends(there, file, url)
    owner = Candidate("machine-1", "elsewhere")
    assert await used(source, lambda ledger: ledger.lease.acquire(owner, 60), time.time)
    with pytest.raises(LedgerError, match="machine-1 owns the chain with"):
        moved(source, target)
    boot, namespace, _, started = this_process().split("/")
    gone = "/".join((boot, namespace, str(2**22 + 1), started))
    run_in(source, f"UPDATE ledger SET process = '{gone}'")
    moved(source, target)
    owned = run_in(target, "SELECT epoch, owner, process FROM ledger")[0]
    assert owned[1:] == (None, None)
    assert owned[0] == run_in(source, "SELECT epoch FROM ledger")[0][0]


async def test_nobody_else_uses_the_source_meanwhile(file: Path, url: str, tmp_path: Path) -> None:
    def look_at_file(task: str, _done: int, _total: int) -> None:
        with (
            pytest.raises(sqlite3.OperationalError, match="locked"),
            closing(sqlite3.connect(file, timeout=0)) as shell,
        ):
            shell.execute("SELECT * FROM jobs")
        seen.add(task)

    def look_at_database(task: str, _done: int, _total: int) -> None:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            run_in(url, "BEGIN; LOCK TABLE ledger IN ROW SHARE MODE NOWAIT")  # as each turn does
        seen.add(task)

    seen: set[str] = set()
    move(file, url, look_at_file, batch=FEW)
    move(url, tmp_path / "back.db", look_at_database, batch=FEW)
    assert seen == {"copied", "compared"}


@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
async def test_ledger_at_the_target_is_left_alone(there: str, file: Path, url: str) -> None:
    source, target = await ends(there, file, url)
    await accept(target, "theirs-1")
    before = rows_of(target)
    with pytest.raises(LedgerError, match=r"there is a ledger at .* already: nothing was changed"):
        moved(source, target)
    assert rows_of(target) == before
    await accept(source, "ours-1")


async def test_half_a_move_of_another_ledger_is_left_alone(file: Path, url: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        move(file, url, failing(20), batch=FEW)
    other = tmp_path / "other.db"
    await accept(other, "other-1")
    with pytest.raises(LedgerError, match="another ledger is being moved to"):
        moved(other, url)
    back_up(file, copy := tmp_path / "copy.db")
    with pytest.raises(LedgerError, match="another ledger is being moved to"):
        moved(copy, url)
    with pytest.raises(LedgerError, match="is being moved here, and is not whole yet"):
        moved(url, tmp_path / "back.db")
    moved(file, url)


async def test_difference_ends_the_move_before_anything_is_switched_over(file: Path, url: str) -> None:
    def tamper(task: str, done: int, _total: int) -> None:
        if (task, done) == ("compared", 0):
            run_in(url, "UPDATE jobs SET email = 'else' WHERE number = 2")

    with pytest.raises(LedgerError, match=r"jobs has 12 rows at .*, and 12 at .* neither ledger was switched over"):
        move(file, url, tamper, batch=FEW)
    await accept(file, "still-1")
    moved(file, url)
    assert rows_of(url)["jobs"] == rows_of(file)["jobs"]


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("UPDATE jobs SET attempts = 'many' WHERE number = 3", "jobs, 3: no whole number is where one must be"),
        ("UPDATE jobs SET email = x'00' WHERE number = 3", "jobs, 3: no text is where one must be"),
    ],
)
async def test_value_of_another_type_ends_the_move(sql: str, sentence: str, file: Path, url: str) -> None:
    run_in(file, sql)
    with pytest.raises(LedgerError, match=sentence):
        moved(file, url)
    await accept(file, "still-1")


async def test_only_a_ledger_of_this_version_is_moved(file: Path, url: str, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        moved(tmp_path / "nothing.db", url)
    assert not (tmp_path / "nothing.db").exists()
    run_in(file, "PRAGMA user_version = 3")
    with pytest.raises(LedgerError, match="has version 3, and is migrated when the faucet starts"):
        moved(file, url)
    with pytest.raises(LedgerError, match="there is none in the database"):
        moved(url, tmp_path / "back.db")
    assert not (tmp_path / "back.db").exists()


async def test_ledger_is_not_moved_to_a_server_that_may_forget(file: Path, url: str) -> None:
    with pytest.raises(LedgerError, match="synchronous_commit is off"):
        moved(file, f"{url}%20-csynchronous_commit%3Doff")
    assert run_in(url, "SELECT to_regclass('ledger')") == [(None,)]
    await accept(file, "still-1")


def test_ledger_is_moved_from_one_engine_to_the_other(tmp_path: Path) -> None:
    for source, target in ((tmp_path / "a", tmp_path / "b"), ("postgresql://a/b", "postgresql://c/d")):
        with pytest.raises(LedgerError, match="from a file to PostgreSQL, or from there to a file"):
            moved(source, target)
