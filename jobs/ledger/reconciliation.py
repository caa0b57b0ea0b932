"""What comparing the ledger with the chain's blocks reads and writes."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import overload

from jobs.ledger.fact_rows import READ_FACT, save_fact
from jobs.ledger.rebuild import rebuild
from jobs.ledger.sql import IN_TEXTS, Query, names_of, to_json
from jobs.ledger.store import Part, Store, Tx
from jobs.model.operators import Contact, Difference, Reconciliation
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
LIVE_JOBS = f"SELECT name, initial_balance FROM jobs WHERE name {IN_TEXTS} AND code IS NULL"
SIGNATURES = f"SELECT signature FROM transactions WHERE signature {IN_TEXTS}"
FIRST_CONTACT, RESTORED_FROM, RESTORED_AT = "first_contact", "restored_from", "restored_at"  #: names of facts
FOREIGN = "foreign_operations"
OLDEST_TRANSACTION = "SELECT reference FROM transactions ORDER BY number LIMIT 1"
LAST_FOLLOWED = "SELECT max(number) AS last FROM blocks"
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

    async def promised(self, names: Iterable[str]) -> dict[str, Decimal | None]:
        """Those of `names` that a job has registered, or is about to, each with its initial balance."""
        rows = await self._store.read(LIVE_JOBS, (to_json(names),))
        balances = {row["name"]: row["initial_balance"] for row in rows}
        return {name: None if balance is None else Decimal(balance) for name, balance in balances.items()}

    async def missing_signatures(self, signatures: Iterable[str]) -> set[str]:
        """Those of `signatures` that no transaction of the ledger has."""
        wanted = set(signatures)
        return wanted - await self.known_signatures(wanted)

    async def known_signatures(self, signatures: Iterable[str]) -> set[str]:
        """Those of `signatures` that a transaction of the ledger has."""
        rows = await self._store.read(SIGNATURES, (to_json(signatures),))
        return {row["signature"] for row in rows}

    async def meet(self, irreversible: int, head: int) -> Contact:
        """What the ledger has met of the chain, whose last irreversible block and whose head these are now.

        A ledger that has not met it yet does so now; so does a restored one, which lacks what came since its backup.
        """
        return await self._store.run(lambda tx: _meet(tx, irreversible, head))

    async def last_followed(self) -> int | None:
        """The last block that the ledger followed; None before the first."""
        rows = await self._store.read(LAST_FOLLOWED)
        return None if rows[0]["last"] is None else int(rows[0]["last"])

    async def foreign_count(self) -> int:
        """Operations of the registrar that no transaction of the ledger made, as far as the blocks were compared."""
        rows = await self._store.read(READ_FACT, (FOREIGN,))
        return int(rows[0]["value"]) if rows else 0

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
        foreign: int = 0,
    ) -> None:
        """Replace what was found of blocks `first` to `last` before; `foreign` operations are added to their count."""

        def step(tx: Tx) -> None:
            tx.execute(DELETE_DIFFERENCES, (first, last))
            tx.executemany(
                SAVE_DIFFERENCE,
                [(found.block_num, found.kind, found.about, found.text, tx.now) for found in differences],
            )
            tx.execute(ADVANCE, (last, registrations, payments, tx.now, number))
            save_fact(tx, FOREIGN, _fact(tx, FOREIGN, 0) + foreign)

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


def _meet(tx: Tx, irreversible: int, head: int) -> Contact:
    if _fact(tx, FIRST_CONTACT) is None:
        # A ledger of an earlier version met the chain before its first transaction.
        oldest = tx.execute(OLDEST_TRANSACTION)
        save_fact(tx, FIRST_CONTACT, oldest[0]["reference"] if oldest else irreversible)
    if _fact(tx, RESTORED_FROM) is not None and _fact(tx, RESTORED_AT) is None:
        save_fact(tx, RESTORED_AT, head)
    return Contact(_fact(tx, FIRST_CONTACT, 0), _fact(tx, RESTORED_FROM), _fact(tx, RESTORED_AT))


@overload
def _fact(tx: Tx, name: str, otherwise: int) -> int: ...
@overload
def _fact(tx: Tx, name: str) -> int | None: ...
def _fact(tx: Tx, name: str, otherwise: int | None = None) -> int | None:
    rows = tx.execute(READ_FACT, (name,))
    return int(rows[0]["value"]) if rows else otherwise
