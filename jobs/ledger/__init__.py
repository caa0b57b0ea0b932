"""The ledger: the only SQL. One public method is one transaction."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path

from jobs.ledger.activity import Activity
from jobs.ledger.board import Board
from jobs.ledger.comparing import Comparing
from jobs.ledger.database import Database, LedgerError, OldLedgerError
from jobs.ledger.expiry import Expiry
from jobs.ledger.following import Following
from jobs.ledger.intake import Intake
from jobs.ledger.mailbox import Mailbox
from jobs.ledger.noticing import Noticing
from jobs.ledger.pins import Pins
from jobs.ledger.rebuilding import Rebuilding
from jobs.ledger.recovering import Recovering
from jobs.ledger.referrers import Referrers
from jobs.ledger.reports import Reports
from jobs.ledger.search import Search
from jobs.ledger.signing import Signing
from jobs.ledger.spending import Spending
from jobs.ledger.steering import Steering

__all__ = ["Ledger", "LedgerError", "OldLedgerError"]


def random_job_id() -> str:
    """128 random bits in hex: nobody guesses another's job or counts the signups, and no shell trips over one."""
    return secrets.token_hex(16)


class Ledger(
    Intake,
    Signing,
    Spending,
    Following,
    Expiry,
    Board,
    Pins,
    Referrers,
    Reports,
    Activity,
    Search,
    Steering,
    Recovering,
    Comparing,
    Rebuilding,
    Noticing,
    Mailbox,
):
    """Every signup, what was signed for it, and what became of that."""

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        random_id: Callable[[], str] = random_job_id,
    ) -> "Ledger":
        """The ledger in the file `path`, made or migrated as needed. Raises LedgerError."""
        return cls(await Database.open(path), clock=clock, random_id=random_id)

    @classmethod
    async def open_to_read(cls, path: Path, *, clock: Callable[[], float] = time.time) -> "Ledger":
        """The ledger in the file `path`, for reading only. Raises LedgerError, OldLedgerError for an older one."""
        return cls(await Database.open_to_read(path), clock=clock, random_id=random_job_id)

    async def close(self) -> None:
        """Commit and answer what was handed in, then close. A second call does nothing."""
        await self.finish_intake()
        await self._database.close()
