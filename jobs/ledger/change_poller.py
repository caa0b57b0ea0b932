"""What other processes changed in the ledger, for those who wait in this one."""

from jobs.ledger.store import Part, Store

CLOCK_SLACK = 2000  #: milliseconds that a commit may take to be seen after the time that it bears

MOVED_SINCE = "SELECT id, updated_at FROM jobs WHERE updated_at >= ?"


class ChangePoller(Part):
    """Wakes watchers of jobs that another process moved: a worker, the chain's owner, or an operator's command."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._version: int | None = None
        self._polled_at: int | None = None  # for the first time, by which the ledger knows its server's clock
        self._published: dict[str, int] = {}  # the jobs that moved last, with the time of the move

    async def version(self) -> int:
        """A number that changes with every commit. Raises FaucetError `ledger_unavailable`."""
        return await self._store.version()

    async def poll(self) -> None:
        """Publish what moved since the last call. Costs nothing while no job is watched or nothing was written.

        Raises FaucetError `ledger_unavailable`.
        """
        if not self._store.changes.is_watched:
            return
        self._polled_at = self._polled_at or self._store.now()
        version = await self._store.version()
        if version == self._version:
            return
        since = max(self._published.values(), default=self._polled_at) - CLOCK_SLACK
        rows = await self._store.read(MOVED_SINCE, (since,))
        moved = {row["id"]: row["updated_at"] for row in rows}
        self._store.changes.publish(job_id for job_id, at in moved.items() if self._published.get(job_id) != at)
        self._version, self._published = version, moved
