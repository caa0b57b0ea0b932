"""What the tracker writes: what each block holds, what was orphaned, and what is final."""

from collections.abc import Mapping, Sequence

from jobs.ledger.inclusion import Included, Results, delete_blocks, finalize, import_payments, include, release
from jobs.ledger.job_rows import STATE_OF_LISTED, derive_states, select_jobs
from jobs.ledger.sql import IN_NUMBERS, to_json
from jobs.ledger.store import Part, Row, Tx
from jobs.ledger.transactions import select_transactions
from jobs.model.job import Job, State
from jobs.model.transaction import BlockEffects, Transaction

REWIND = 20  #: final blocks that are remembered: a node that was killed may come back without the last ones

LAST = "SELECT number, id FROM blocks ORDER BY number DESC LIMIT 1"
LAST_UP_TO = "SELECT number, id FROM blocks WHERE number <= ? ORDER BY number DESC LIMIT 1"
OLDEST = "SELECT number, id FROM blocks ORDER BY number LIMIT 1"
OLDEST_REFERENCE = "SELECT min(reference) AS oldest FROM transactions WHERE fate = 'live'"
ID_OF = "SELECT id FROM blocks WHERE number = ?"
ANY_BLOCK = "SELECT EXISTS (SELECT 1 FROM blocks) AS found"
SAVE_BLOCK = "INSERT INTO blocks (number, id) VALUES (?, ?) ON CONFLICT (number) DO UPDATE SET id = excluded.id"
# The last one stays in any case: it says where to go on, and what the next must follow.
DELETE_OLD_BLOCKS = "DELETE FROM blocks WHERE number < ? AND number < (SELECT max(number) FROM blocks)"

UNFINALIZED = select_transactions("WHERE fate = 'included' AND block_num <= ? ORDER BY block_num, number")
#: All conditions of the index jobs_claimed: few jobs are in it, while SQLite takes each state for a common one.
CLAIMED = select_jobs("""
    WHERE jobs.state IN ('registered', 'funding', 'funded') AND jobs.registration IS NULL
    AND jobs.irreversible = FALSE AND jobs.block_num <= ?
""")
FINALIZE_CLAIMED = "UPDATE jobs SET account_id = ?, irreversible = TRUE WHERE number = ?"
UNCLAIM = f"""
    UPDATE jobs SET state = 'queued', account_id = NULL, block_num = NULL, registered_at = NULL, updated_at = ?
    WHERE registration IS NULL AND {STATE_OF_LISTED} = 'registered' AND number {IN_NUMBERS}
    RETURNING id
"""
CORRECT_ACCOUNT = "UPDATE jobs SET account_id = ? WHERE number = ? AND state = 'registered' AND funding IS NULL"


class BlockLog(Part):
    """The blocks followed, and what they mean to transactions and jobs."""

    async def last(self) -> tuple[int, str] | None:
        """Number and id of the last block followed; None before the first."""
        return _block(await self._store.read(LAST))

    async def last_final(self, irreversible: int) -> tuple[int, str] | None:
        """Number and id of the last block followed up to `irreversible`; None if none is remembered."""
        return _block(await self._store.read(LAST_UP_TO, (irreversible,)))

    async def oldest(self) -> tuple[int, str] | None:
        """Number and id of the oldest block still remembered: REWIND before the last irreversible one, or the first."""
        return _block(await self._store.read(OLDEST))

    async def oldest_reference(self) -> int | None:
        """The oldest block that a live transaction refers to: from there on it may be in any."""
        rows = await self._store.read(OLDEST_REFERENCE)
        return None if rows[0]["oldest"] is None else int(rows[0]["oldest"])

    async def id_of(self, number: int) -> str | None:
        """The id that block `number` had when it was followed; None if it is not remembered."""
        rows = await self._store.read(ID_OF, (number,))
        return rows[0]["id"] if rows else None

    async def follow(
        self, blocks: Sequence[BlockEffects], irreversible: int, *, continues: bool = False, anew: bool = False
    ) -> list[int]:
        """Record what consecutive blocks hold; when each job was accepted whose account came with them, milliseconds.

        A block counts as followed once it is whole; with `anew` what is there of the first one already is undone.
        Blocks more than REWIND below `irreversible` are deleted once they are followed. Nothing is recorded where the
        blocks should have continued those remembered, and an operator had these forgotten meanwhile.
        """
        return await self._store.run(lambda tx: _follow(tx, blocks, irreversible, continues=continues, anew=anew))

    async def orphan(self, number: int) -> int:
        """Undo what was recorded of block `number` and later ones; how many transactions wait for a block again."""
        return await self._store.run(lambda tx: delete_blocks(tx, number))

    async def unfinalized(self, irreversible: int) -> list[Transaction]:
        """Transactions in a block up to `irreversible` that were not yet checked against that block, block by block."""
        return await self._store.rows(UNFINALIZED, (irreversible,))

    async def finalize(self, included: Sequence[tuple[Transaction, Results]]) -> None:
        """The irreversible block holds these transactions, each with its results: they are final."""
        await self._store.run(lambda tx: finalize(tx, included))

    async def release(self, transaction: Transaction) -> None:
        """The irreversible block does not hold `transaction`: it waits for a block again."""

        def step(tx: Tx) -> None:
            release(tx, [transaction])
            derive_states(tx, transaction.jobs)

        await self._store.run(step)

    async def include(self, block: BlockEffects) -> None:
        """Record what an irreversible block holds that was missed when it was followed."""
        await self._store.run(lambda tx: _include(tx, block))

    async def correct_accounts(self, accounts: Mapping[int, str]) -> None:
        """Keep the ids of accounts that a block gave wrongly, job number → account id, where nothing is paid yet."""
        corrected = [(account_id, job) for job, account_id in accounts.items()]
        await self._store.run(lambda tx: tx.executemany(CORRECT_ACCOUNT, corrected))

    async def claimed(self, irreversible: int) -> list[Job]:
        """Jobs whose account was found on the chain by `irreversible`, and not yet confirmed there."""
        return await self._store.rows(CLAIMED, (irreversible,))

    async def finalize_claimed(self, accounts: Mapping[int, str | None]) -> None:
        """What became of claimed accounts, job number → account id: they stay, or None: they were orphaned."""
        await self._store.run(lambda tx: _finalize_claimed(tx, accounts))


def _block(rows: Sequence[Row]) -> tuple[int, str] | None:
    return (rows[0]["number"], rows[0]["id"]) if rows else None


def _follow(tx: Tx, blocks: Sequence[BlockEffects], irreversible: int, *, continues: bool, anew: bool) -> list[int]:
    if continues and not tx.execute(ANY_BLOCK)[0]["found"]:
        return []
    if anew:
        delete_blocks(tx, blocks[0].number)
    included = Included()
    for block in blocks:
        included.jobs += import_payments(tx, block.payments)
        include(tx, block, included)
    whole = [(block.number, block.id) for block in blocks if block.is_whole]
    if whole:
        tx.executemany(SAVE_BLOCK, whole)
        tx.execute(DELETE_OLD_BLOCKS, (irreversible - REWIND,))
    return [job.created_at for job, state in included.derive_states(tx) if state is State.REGISTERED]


def _include(tx: Tx, block: BlockEffects) -> None:
    included = Included()
    include(tx, block, included)
    included.derive_states(tx)


def _finalize_claimed(tx: Tx, accounts: Mapping[int, str | None]) -> None:
    kept = {job: account_id for job, account_id in accounts.items() if account_id is not None}
    tx.executemany(FINALIZE_CLAIMED, [(account_id, job) for job, account_id in kept.items()])
    derive_states(tx, list(kept))
    lost = tx.execute(UNCLAIM, (tx.now, to_json(accounts.keys() - kept.keys())))
    tx.moved.extend(row["id"] for row in lost)
