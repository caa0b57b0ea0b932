"""A write-ahead log that is cut or overwritten under a running faucet is noticed, and costs only what was in it."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import FaucetError
from jobs.ledger import Ledger
from tests.harness.ledgers import FREE, opened, raw, signup

CUT = "faucet.db-wal was cut or overwritten while the faucet used it"


def emptied(log: Path) -> None:
    os.truncate(log, 0)


def halved(log: Path) -> None:
    os.truncate(log, log.stat().st_size // 2)


def filled_with_zeros(log: Path) -> None:
    with log.open("r+b") as file:
        file.write(bytes(log.stat().st_size))


def overwritten(log: Path) -> None:
    """By the log of another ledger, which is larger."""
    with log.open("r+b") as file:
        file.write((log.parent / "other" / log.name).read_bytes())


async def fill(ledger: Ledger, name: str, count: int) -> None:
    await asyncio.gather(*(ledger.signups.accept(signup(f"{name}-{number}"), FREE) for number in range(count)))


@pytest.mark.parametrize(
    "damage", [emptied, halved, filled_with_zeros, overwritten], ids=lambda damage: damage.__name__
)
async def test_cut_log_is_noticed_and_never_written_into_the_ledger(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    (tmp_path / "other").mkdir()
    async with opened(tmp_path / "other") as other, opened(tmp_path) as ledger:
        await fill(other, "other", 300)
        await fill(ledger, "before", 100)
        raw(tmp_path, "PRAGMA wal_checkpoint(RESTART)")
        await fill(ledger, "then", 100)
        damage(tmp_path / "faucet.db-wal")

        with pytest.raises(FaucetError):
            await ledger.signups.accept(signup("lost-1"), FREE)
        assert CUT in (ledger.misplaced() or "")
        await ledger.rescue()

    async with opened(tmp_path) as again:
        assert len(raw(tmp_path, "SELECT 1 FROM jobs WHERE name LIKE 'before-%'")) == 100
        await again.signups.accept(signup("again-1"), FREE)
