"""Whether the ledger's files are in place, in a folder in which nothing has changed for long."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.ledger import Ledger


def moved(ledger: Path) -> None:
    ledger.rename(ledger.with_name("away.db"))


def moved_behind_a_link(ledger: Path) -> None:
    away = ledger.rename(ledger.parent.with_name("away.db"))
    ledger.symlink_to(away)


def replaced(ledger: Path) -> None:
    copy = ledger.with_name("copy.db")
    copy.write_bytes(ledger.read_bytes())
    copy.replace(ledger)


def log_removed(ledger: Path) -> None:
    ledger.with_name(f"{ledger.name}-wal").unlink()


def folder_moved(ledger: Path) -> None:
    ledger.parent.rename(ledger.parent.with_name("away"))


def folder_replaced(ledger: Path) -> None:
    folder_moved(ledger)
    ledger.parent.mkdir()


SLIPS = [moved, moved_behind_a_link, replaced, log_removed, folder_moved, folder_replaced]


@pytest.mark.parametrize("is_linked", [False, True], ids=["", "linked"])
@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.__name__)
async def test_slip_in_a_quiet_folder_is_noticed(tmp_path: Path, slip: Callable[[Path], None], is_linked: bool) -> None:
    file = tmp_path / "own" / "faucet.db"
    file.parent.mkdir()
    path = file
    if is_linked:
        path = tmp_path / "links" / "faucet.db"
        path.parent.mkdir()
        path.symlink_to(file)
    ledger = await Ledger.open(path)
    try:
        for folder in {file.parent, path.parent}:
            os.utime(folder, (1, 1))
        assert [ledger.misplaced() for _ in range(2)] == [None, None]
        slip(file)
        assert "while the faucet used it: the faucet ends" in str(ledger.misplaced())
    finally:
        await ledger.close()


async def test_file_beside_the_ledger_raises_no_alarm(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "faucet.db")
    try:
        os.utime(tmp_path, (1, 1))
        assert ledger.misplaced() is None
        (tmp_path / "other").touch()
        assert ledger.misplaced() is None
    finally:
        await ledger.close()
