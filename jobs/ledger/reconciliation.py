"""What comparing the ledger with the chain's blocks reads and writes."""

from collections.abc import Callable, Iterable, Sequence

from jobs.ledger.rebuild import rebuild
from jobs.ledger.sql import IN_TEXTS, Query, names_of, to_json
from jobs.ledger.store import Part, Store, Tx
from jobs.model.operators import Difference, Reconciliation
from jobs.model.transaction import OnChainTransaction, Recorded

RECORDED = Query(
    f"""
    SELECT signature, transactions.id AS transaction_id, fate, name, account_id,
           coalesce(transactions.number IN (registration, funding), FALSE) AS in_force
    FROM transactions
    JOIN operations ON operations.txn = transactions.number
    JOIN jobs ON jobs.number = operations.job
    WHERE signature {IN_TEXTS}
    ORDER BY transactions.number, position
    """,
    Recorded,
)
IRREVERSIBLE_IN = """
    SELECT signature, id, block_num FROM transactions WHERE fate = 'irreversible' AND block_num BETWEEN ? AND ?
"""
NAMES_WITH_JOBS = f"SELECT name FROM jobs WHERE name {IN_TEXTS} AND state NOT IN ('failed', 'cancelled')"
SIGNATURES = f"SELECT signature FROM transactions WHERE signature {IN_TEXTS}"
OLDEST_TRANSACTION = "SELECT reference FROM transactions ORDER BY number LIMIT 1"
BEGIN = "INSERT INTO reconciliations (first_block, last_block, updated_at) VALUES (?, ?, ?) RETURNING number"
DELETE_DIFFERENCES = "DELETE FROM differences WHERE block_num BETWEEN ? AND ?"
SAVE_DIFFERENCE = """
    INSERT INTO differences (block_num, kind, about, text, found_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (block_num, kind, about) DO UPDATE SET text = excluded.text, found_at = excluded.found_at
"""
ADVANCE = """
    UPDATE reconciliations
    SET last_block = ?, registrations = registrations + ?, payments = payments + ?, updated_at = ? WHERE number = ?
"""
LATEST = Query(
    f"SELECT {names_of(Reconciliation)} FROM reconciliations ORDER BY last_block DESC LIMIT 1", Reconciliation
)
DIFFERENCES = Query(f"SELECT {names_of(Difference)} FROM differences ORDER BY block_num DESC LIMIT ?", Difference)
DIFFERENCE_COUNT = "SELECT count(*) AS differences FROM differences"


class Reconciliations(Part):
    """What the ledger has of the registrar's transactions, and where the chain disagrees."""

    def __init__(self, store: Store, random_id: Callable[[], str]) -> None:
        super().__init__(store)
        self._random_id = random_id

    async def recorded(self, signatures: Iterable[str]) -> list[Recorded]:
        """What the ledger has of the operations of the transactions with `signatures`, in their order."""
        return await self._store.rows(RECORDED, (to_json(signatures),))

    async def irreversible_in(self, first: int, last: int) -> dict[str, tuple[str, int]]:
        """The transactions that the ledger calls irreversible in blocks `first` to `last`: signature → id, block."""
        rows = await self._store.read(IRREVERSIBLE_IN, (first, last))
        return {row["signature"]: (row["id"], row["block_num"]) for row in rows}

    async def names_with_jobs(self, names: Iterable[str]) -> set[str]:
        """Those of `names` that a job has registered, or is about to."""
        rows = await self._store.read(NAMES_WITH_JOBS, (to_json(names),))
        return {row["name"] for row in rows}

    async def missing_signatures(self, signatures: Iterable[str]) -> set[str]:
        """Those of `signatures` that no transaction of the ledger has."""
        wanted = set(signatures)
        rows = await self._store.read(SIGNATURES, (to_json(wanted),))
        return wanted - {row["signature"] for row in rows}

    async def oldest_transaction(self) -> int | None:
        """The block that the first transaction of the ledger refers to; None before the first."""
        rows = await self._store.read(OLDEST_TRANSACTION)
        return int(rows[0]["reference"]) if rows else None

    async def begin(self, first: int) -> int:
        """Record that a comparison begins at block `first`; its number."""
        rows = await self._store.run(lambda tx: tx.execute(BEGIN, (first, first - 1, tx.now)))
        return int(rows[0]["number"])

    async def save_compared(
        self,
        number: int,
        first: int,
        last: int,
        differences: Sequence[Difference],
        *,
        registrations: int,
        payments: int,
    ) -> None:
        """Replace what was found of blocks `first` to `last` before."""

        def step(tx: Tx) -> None:
            tx.execute(DELETE_DIFFERENCES, (first, last))
            tx.executemany(
                SAVE_DIFFERENCE,
                [(found.block_num, found.kind, found.about, found.text, tx.now) for found in differences],
            )
            tx.execute(ADVANCE, (last, registrations, payments, tx.now, number))

        await self._store.run(step)

    async def latest(self) -> Reconciliation | None:
        """The comparison that has come furthest; None before the first."""
        return next(iter(await self._store.rows(LATEST)), None)

    async def differences(self, limit: int = 100) -> list[Difference]:
        """Where ledger and chain disagree, the newest block first."""
        return await self._store.rows(DIFFERENCES, (limit,))

    async def difference_count(self) -> int:
        """In how many places ledger and chain disagree."""
        rows = await self._store.read(DIFFERENCE_COUNT)
        return int(rows[0]["differences"])

    async def rebuild(self, found: Sequence[OnChainTransaction]) -> int:
        """Import irreversible transactions that the ledger has no record of; how many accounts they concern.

        A registration without a job gets one. Raises FaucetError `account_exists` where a job of the same name
        and other keys is in a block: the faucet must follow the chain first.
        """
        return await self._store.run(lambda tx: rebuild(tx, found, self._random_id))
