"""What the tracker writes: what each block holds, what was orphaned, and what is final."""

from collections.abc import Mapping, Sequence

from jobs.ledger.book import (
    JOB_COLUMNS,
    JOB_SELECT,
    Book,
    as_list,
    as_rows,
    at_once,
    derive_states,
    job_of,
    put_accounts,
    rows_of,
)
from jobs.ledger.database import Connection
from jobs.ledger.keys import put_keys
from jobs.ledger.recovering import take_over_payments
from jobs.ledger.signing import LINK, TRANSACTION_SELECT, jobs_of, transaction_of, transactions_where
from jobs.model.job import Job
from jobs.model.transaction import BlockEffects, Fate, Kind, Transaction

REWIND = 20  #: final blocks that are remembered: a node that was killed may come back without the last ones

# By name, since SQLite takes each state for as common as the average one, once somebody had a large ledger analysed.
ADOPTED = f"""
    {JOB_SELECT} WHERE jobs.number IN (
        SELECT number FROM jobs INDEXED BY jobs_by_state
        WHERE state IN ('registered', 'funding', 'funded') AND registration IS NULL
        AND NOT irreversible AND block_num <= ?)
"""

Results = Sequence[str | None]  #: of a transaction's operations: the ids of what they made


class Following(Book):
    """Blocks followed, orphaned and settled. Each method is one transaction of the ledger."""

    async def last_block(self) -> tuple[int, str] | None:
        """Number and id of the last block followed; None before the first."""
        rows = await self._database.read("SELECT number, id FROM blocks ORDER BY number DESC LIMIT 1")
        return (rows[0]["number"], rows[0]["id"]) if rows else None

    async def final_block(self, irreversible: int) -> tuple[int, str] | None:
        """Number and id of the last block followed up to `irreversible`; None if none is remembered."""
        rows = await self._database.read(
            "SELECT number, id FROM blocks WHERE number <= ? ORDER BY number DESC LIMIT 1", (irreversible,)
        )
        return (rows[0]["number"], rows[0]["id"]) if rows else None

    async def oldest_block(self) -> tuple[int, str] | None:
        """Number and id of the oldest block still remembered: REWIND before the last irreversible one, or the first."""
        rows = await self._database.read("SELECT number, id FROM blocks ORDER BY number LIMIT 1")
        return (rows[0]["number"], rows[0]["id"]) if rows else None

    async def oldest_reference(self) -> int | None:
        """The oldest block that a live transaction refers to: from there on it may be in any."""
        rows = await self._database.read("SELECT min(reference) AS oldest FROM transactions WHERE fate = 'live'")
        return None if rows[0]["oldest"] is None else int(rows[0]["oldest"])

    async def block_id(self, number: int) -> str | None:
        """The id that block `number` had when it was followed; None if it is not remembered."""
        rows = await self._database.read("SELECT id FROM blocks WHERE number = ?", (number,))
        return rows[0]["id"] if rows else None

    async def follow(self, blocks: Sequence[BlockEffects], irreversible: int, *, continues: bool = False) -> list[Job]:
        """Note what consecutive blocks hold; the jobs whose account came with them.

        Blocks more than REWIND below `irreversible` are forgotten once they are followed. Nothing is noted where the
        blocks should have continued those remembered, and an operator had these forgotten meanwhile.
        """
        now = self._now()

        def step(connection: Connection) -> tuple[list[Job], list[str]]:
            if continues and connection.execute("SELECT NOT EXISTS (SELECT 1 FROM blocks)").fetchone()[0]:
                return [], []
            jobs: list[int] = []
            for block in blocks:
                jobs += take_over_payments(connection, block.payments, now)
                jobs += include_all(connection, block, now)
            _remember_blocks(connection, blocks, irreversible)
            moved = derive_states(connection, jobs, now)
            return _newly_registered(connection, moved), moved

        return await self._move_and(step)

    async def orphan(self, number: int) -> int:
        """Undo what was noted of block `number` and later ones; how many transactions wait for a block again."""
        now = self._now()

        return await self._move_and(lambda connection: forget_blocks(connection, number, now))

    async def unsettled(self, irreversible: int) -> list[Transaction]:
        """Transactions in a block up to `irreversible` that were not yet checked against that block, block by block."""
        rows = await self._database.read(
            f"{TRANSACTION_SELECT} WHERE fate = 'included' AND block_num <= ? ORDER BY block_num, number",
            (irreversible,),
        )
        return [transaction_of(row) for row in rows]

    async def settle(self, held: Sequence[tuple[Transaction, Results]]) -> None:
        """The irreversible block holds these transactions, each with its results: they are final."""
        now = self._now()
        await self._move(lambda connection: make_final(connection, held, now))

    async def release(self, transaction: Transaction) -> None:
        """The irreversible block does not hold `transaction`: it waits for a block again."""
        now = self._now()

        def step(connection: Connection) -> list[str]:
            _release(connection, [transaction], now)
            return derive_states(connection, transaction.jobs, now)

        await self._move(step)

    async def include(self, block: BlockEffects) -> None:
        """Note what an irreversible block holds that was missed when it was followed."""
        now = self._now()
        await self._move(lambda connection: derive_states(connection, include_all(connection, block, now), now))

    async def correct_accounts(self, accounts: Mapping[int, str]) -> None:
        """Keep the ids of accounts that a block gave wrongly, job number → account id, where nothing is paid yet."""
        await self._database.run(
            lambda connection: connection.executemany(
                "UPDATE jobs SET account_id = ? WHERE number = ? AND state = 'registered' AND funding IS NULL",
                [(account_id, job) for job, account_id in accounts.items()],
            )
        )

    async def adopted(self, irreversible: int) -> list[Job]:
        """Jobs whose account was found on the chain by `irreversible`, and not yet confirmed there."""
        rows = await self._database.read(ADOPTED, (irreversible,))
        return [job_of(row) for row in rows]

    async def settle_adopted(self, accounts: Mapping[int, str | None]) -> None:
        """What became of adopted accounts, job number → account id: they stay, or None: they were orphaned."""
        now = self._now()
        kept = {job: account_id for job, account_id in accounts.items() if account_id is not None}

        def step(connection: Connection) -> list[str]:
            connection.executemany(
                "UPDATE jobs SET account_id = ?, irreversible = 1 WHERE number = ?",
                [(account_id, job) for job, account_id in kept.items()],
            )
            moved = derive_states(connection, list(kept), now)
            return moved + _queue_again(connection, list(accounts.keys() - kept.keys()), now)

        await self._move(step)


def forget_blocks(connection: Connection, number: int, now: int) -> tuple[int, list[str]]:
    """Undo what was noted of block `number` and later ones; how many transactions that concerns, jobs that moved."""
    lost = transactions_where(connection, "fate = 'included' AND block_num >= ?", (number,))
    _release(connection, lost, now)
    connection.execute("DELETE FROM names WHERE block_num >= ?", (number,))
    connection.execute("DELETE FROM blocks WHERE number >= ?", (number,))
    return len(lost), derive_states(connection, jobs_of(lost), now)


FINISH = f"""
    UPDATE jobs SET irreversible = 1, account_id = final.account_id, provisional = 0
    FROM {as_rows(("txn", "job", "account_id"))} AS final
    WHERE jobs.number = final.job AND jobs.registration = final.txn
"""


def make_final(connection: Connection, held: Sequence[tuple[Transaction, Results]], now: int) -> list[str]:
    """Note that transactions, each with its results, stay in their block; the ids of the jobs that moved by it."""
    connection.execute(
        "UPDATE transactions SET fate = ?, updated_at = ? WHERE number IN (SELECT value FROM json_each(?))",
        (Fate.IRREVERSIBLE, now, as_list(transaction.number for transaction, _ in held)),
    )
    accounts = (
        (transaction.number, job, account_id)
        for transaction, results in held
        if transaction.kind is Kind.REGISTRATION
        for job, account_id in zip(transaction.jobs, results, strict=True)
    )
    connection.execute(FINISH, (as_list(accounts),))
    return derive_states(connection, jobs_of(transaction for transaction, _ in held), now)


def _queue_again(connection: Connection, jobs: Sequence[int], now: int) -> list[str]:
    """Queue adopted jobs whose account the chain has lost; their ids."""
    rows = connection.execute(
        """
        UPDATE jobs SET state = 'queued', account_id = NULL, block_num = NULL, registered_at = NULL, updated_at = ?
        WHERE registration IS NULL AND state = 'registered' AND number IN (SELECT value FROM json_each(?))
        RETURNING id
        """,
        (now, as_list(jobs)),
    ).fetchall()
    return [row["id"] for row in rows]


def include_all(connection: Connection, block: BlockEffects, now: int) -> list[int]:
    """Note what `block` holds; the numbers of the jobs that it concerns."""
    put_accounts(connection, block.accounts, block.number, listed_by=block.seen_by)
    put_keys(connection, block.keys, block.changed)
    ours = transactions_where(connection, "signature IN (SELECT value FROM json_each(?))", (as_list(block.results),))
    _include(connection, [transaction for transaction in ours if transaction.fate is not Fate.IRREVERSIBLE], block, now)
    return jobs_of(ours)


#: An ended job whose name a newer signup has taken over stays ended, whatever a block holds.
_NOT_REPLACED = """
    (state NOT IN ('failed', 'cancelled') OR NOT EXISTS (
        SELECT 1 FROM jobs AS newer
        WHERE newer.name = jobs.name AND newer.number > jobs.number AND newer.state NOT IN ('failed', 'cancelled')))
"""


INCLUDE = f"""
    UPDATE jobs SET registration = included.txn, account_id = included.account_id, block_num = included.block_num,
                    provisional = included.provisional
    FROM {as_rows(("txn", "job", "account_id", "block_num", "provisional"))} AS included
    WHERE jobs.number = included.job AND {_NOT_REPLACED}
"""


def _include(connection: Connection, ours: Sequence[Transaction], block: BlockEffects, now: int) -> None:
    """Link the jobs to their transactions again: one given up too early counts as soon as a block holds it."""
    connection.execute(
        "UPDATE transactions SET fate = ?, block_num = ?, reserved = cost, held = NULL, updated_at = ? "
        "WHERE number IN (SELECT value FROM json_each(?))",
        (Fate.INCLUDED, block.number, now, as_list(transaction.number for transaction in ours)),
    )
    paid = [
        (transaction.number, job)
        for transaction in ours
        if transaction.kind is Kind.FUNDING
        for job in transaction.jobs
    ]
    registered = [
        (transaction.number, job, account_id, block.number, int(transaction.signature in block.provisional))
        for transaction in ours
        if transaction.kind is Kind.REGISTRATION
        for job, account_id in zip(transaction.jobs, block.results[transaction.signature], strict=True)
    ]
    connection.execute(LINK[Kind.FUNDING], (as_list(paid),))
    connection.execute(INCLUDE, (as_list(registered),))


def _release(connection: Connection, transactions: Sequence[Transaction], now: int) -> None:
    """Let `transactions` wait for a block again."""
    connection.execute(
        "UPDATE transactions SET fate = ?, block_num = NULL, updated_at = ? "
        "WHERE number IN (SELECT value FROM json_each(?))",
        (Fate.LIVE, now, as_list(transaction.number for transaction in transactions)),
    )


def _remember_blocks(connection: Connection, blocks: Sequence[BlockEffects], irreversible: int) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO blocks (number, id) VALUES (?, ?)",
        [(block.number, block.id) for block in blocks],
    )
    # The last one stays in any case: it says where to go on, and what the next must follow.
    connection.execute(
        "DELETE FROM blocks WHERE number < min(?, (SELECT max(number) FROM blocks))", (irreversible - REWIND,)
    )


REGISTERED = at_once(
    JOB_COLUMNS, f"{JOB_SELECT} WHERE jobs.id IN (SELECT value FROM json_each(?)) AND jobs.state = 'registered'"
)


def _newly_registered(connection: Connection, moved: Sequence[str]) -> list[Job]:
    rows = connection.execute(REGISTERED, (as_list(moved),)).fetchall()
    return [job_of(row) for row in rows_of(rows)]
