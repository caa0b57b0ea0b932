"""What comparing the ledger with the chain's blocks reads and writes."""

from collections.abc import Iterable, Sequence

from jobs.ledger.book import Book, as_list
from jobs.ledger.database import Connection
from jobs.model.operators import Difference, Reconciliation
from jobs.model.transaction import Fate, Recorded


class Comparing(Book):
    """What the ledger has of the registrar's transactions, and where the chain disagrees."""

    async def recorded(self, signatures: Iterable[str]) -> list[Recorded]:
        """What the ledger has of the operations of the transactions with `signatures`, in their order."""
        rows = await self._database.read(
            """
            SELECT signature, transactions.id, fate, name, account_id,
                   transactions.number IN (registration, funding) AS in_force
            FROM transactions
            JOIN operations ON operations.txn = transactions.number
            JOIN jobs ON jobs.number = operations.job
            WHERE signature IN (SELECT value FROM json_each(?))
            ORDER BY transactions.number, position
            """,
            (as_list(signatures),),
        )
        return [
            Recorded(
                row["signature"], row["id"], Fate(row["fate"]), row["name"], row["account_id"], bool(row["in_force"])
            )
            for row in rows
        ]

    async def final_in(self, first: int, last: int) -> dict[str, tuple[str, int]]:
        """The transactions that the ledger calls irreversible in blocks `first` to `last`: signature → id, block."""
        rows = await self._database.read(
            "SELECT signature, id, block_num FROM transactions "
            "WHERE fate = 'irreversible' AND block_num BETWEEN ? AND ?",
            (first, last),
        )
        return {row["signature"]: (row["id"], row["block_num"]) for row in rows}

    async def served(self, names: Iterable[str]) -> set[str]:
        """Those of `names` that a job has registered, or is about to."""
        rows = await self._database.read(
            "SELECT name FROM jobs WHERE name IN (SELECT value FROM json_each(?)) "
            "AND state NOT IN ('failed', 'cancelled')",
            (as_list(names),),
        )
        return {row["name"] for row in rows}

    async def begin_reconciliation(self, first: int) -> int:
        """Note that a comparison begins at block `first`; its number."""
        rows = await self._database.write(
            "INSERT INTO reconciliations (first_block, last_block, updated_at) VALUES (?, ?, ?) RETURNING number",
            (first, first - 1, self._now()),
        )
        return int(rows[0]["number"])

    async def put_compared(
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
        now = self._now()

        def step(connection: Connection) -> None:
            connection.execute("DELETE FROM differences WHERE block_num BETWEEN ? AND ?", (first, last))
            connection.executemany(
                "INSERT OR REPLACE INTO differences (block_num, kind, about, text, found_at) VALUES (?, ?, ?, ?, ?)",
                [(found.block_num, found.kind, found.about, found.text, now) for found in differences],
            )
            connection.execute(
                "UPDATE reconciliations SET last_block = ?, registrations = registrations + ?, "
                "payments = payments + ?, updated_at = ? WHERE number = ?",
                (last, registrations, payments, now, number),
            )

        await self._database.run(step)

    async def reconciliation(self) -> Reconciliation | None:
        """The comparison that has come furthest; None before the first."""
        rows = await self._database.read(
            "SELECT number, first_block, last_block, registrations, payments, updated_at FROM reconciliations "
            "ORDER BY last_block DESC LIMIT 1"
        )
        return Reconciliation(*rows[0]) if rows else None

    async def differences(self, limit: int = 100) -> list[Difference]:
        """Where ledger and chain disagree, the newest block first."""
        rows = await self._database.read(
            "SELECT block_num, kind, about, text FROM differences ORDER BY block_num DESC LIMIT ?", (limit,)
        )
        return [Difference(*row) for row in rows]

    async def difference_count(self) -> int:
        """In how many places ledger and chain disagree."""
        rows = await self._database.read("SELECT count(*) FROM differences")
        return int(rows[0][0])

    async def oldest_transaction(self) -> int | None:
        """The block that the first transaction of the ledger refers to; None before the first."""
        rows = await self._database.read("SELECT reference FROM transactions ORDER BY number LIMIT 1")
        return int(rows[0]["reference"]) if rows else None
