"""Personal data of signups: erased once they are old, or at once where an operator says so."""

from jobs.ledger.sql import Query
from jobs.ledger.store import Part, Tx
from jobs.model.operators import Erased

BATCH = 500  #: jobs whose data one transaction erases: signups wait for no more

#: All conditions of the index jobs_personal.
_HELD = "(email IS NOT NULL OR real_name IS NOT NULL OR refcode IS NOT NULL)"
_ERASE = "UPDATE jobs SET email = NULL, real_name = NULL, refcode = NULL"
ERASE_OLD = f"""
    {_ERASE}
    WHERE number IN (SELECT number FROM jobs WHERE {_HELD} AND created_at <= ? ORDER BY created_at LIMIT ?)
    RETURNING number
"""
HELD = Query(
    f"""
    SELECT id, email IS NOT NULL AS email, real_name IS NOT NULL AS real_name, refcode IS NOT NULL AS refcode
    FROM jobs WHERE name = ? AND {_HELD} ORDER BY number
    """,
    Erased,
)
ERASE = f"{_ERASE} WHERE name = ? AND {_HELD}"


class PersonalData(Part):
    """Mail addresses, real names and reference codes, kept for the operator; nothing else needs them."""

    async def erase_old(self, before: int, limit: int = BATCH) -> int:
        """Erase those of at most `limit` jobs accepted until `before`, milliseconds; how many jobs had some.

        Copies may be left until `erase_copies`. Raises FaucetError `ledger_unavailable`.
        """
        return len(await self._store.execute(ERASE_OLD, (before, limit)))

    async def erase_copies(self) -> bool:
        """Leave no copy of what was erased in the ledger's log; whether that could be done, as no reader needs it.

        Raises FaucetError `ledger_unavailable`.
        """
        return await self._store.truncate_log()


def erase_of(tx: Tx, name: str) -> list[Erased]:
    """Erase the personal data of all jobs of `name`; what there was, by job."""
    erased = tx.rows(HELD, (name,))
    tx.execute(ERASE, (name,))
    return erased
