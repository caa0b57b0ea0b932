"""What other processes changed in the ledger, for those who wait in this one."""

from collections.abc import Callable

from jobs.ledger.book import Book
from jobs.ledger.database import Database

CLOCK_SLACK = 2000  #: milliseconds that a commit may take to be seen after the time that it bears


class Noticing(Book):
    """Wakes watchers of jobs that another process moved: a worker, the chain's owner, or an operator's command."""

    def __init__(self, database: Database, *, clock: Callable[[], float], random_id: Callable[[], str]) -> None:
        super().__init__(database, clock=clock, random_id=random_id)
        self._version: int | None = None
        self._opened_at = self._now()
        self._noticed: dict[str, int] = {}  # the jobs that moved last, with the time of the move

    async def notice(self) -> None:
        """Publish what moved since the last call. Costs nothing while nobody waits or nothing was written.

        Raises FaucetError `ledger_unavailable`.
        """
        if not self.changes.anybody:
            return
        # It changes with every commit of another connection (sqlite.org/pragma.html#pragma_data_version).
        version = (await self._database.read("PRAGMA data_version"))[0][0]
        if version == self._version:
            return
        since = max(self._noticed.values(), default=self._opened_at) - CLOCK_SLACK
        rows = await self._database.read("SELECT id, updated_at FROM jobs WHERE updated_at >= ?", (since,))
        moved = {row["id"]: row["updated_at"] for row in rows}
        self.changes.publish(job_id for job_id, at in moved.items() if self._noticed.get(job_id) != at)
        self._version, self._noticed = version, moved
