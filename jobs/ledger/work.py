"""What challenges of proof of work need of the ledger: the keys that sign them, and how hard they should be now."""

from collections.abc import Sequence

from jobs.ledger.quotas import GENERATION, KEYS, SPENT, GroupQuotas, QuotaKey, QuotaKeys
from jobs.ledger.sql import to_json
from jobs.ledger.store import Part, Store
from jobs.model.job import Quota

WAITING = "SELECT jobs FROM job_counts WHERE state = 'queued'"


class Work(Part):
    """Reads, but for a key that is made once a week."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._keys: Sequence[QuotaKey] = ()
        self.now = store.now

    async def keys(self) -> Sequence[QuotaKey]:
        """The keys of all generations that may be needed, that of now first.

        Raises FaucetError `ledger_unavailable`.
        """
        self._keys = await self._store.rows(KEYS)
        if not self._keys or self._keys[0].generation < self._store.now() // GENERATION:
            self._keys = await self._store.run(QuotaKeys().of)
        return self._keys

    async def waiting(self) -> int:
        """How many jobs wait for a drain."""
        return sum(row["jobs"] for row in await self._store.read(WAITING))

    async def used(self, quotas: Sequence[Quota]) -> float:
        """Which part is used of the one of `quotas` that is used most, as the keys tell that were read last."""
        if not quotas:
            return 0.0
        group = GroupQuotas(self._store.now(), self._keys)
        group.know(await self._store.rows(SPENT, (to_json(group.subjects_of(quotas)),)))
        return group.used(quotas)
