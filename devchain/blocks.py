"""The chain itself: pending transactions, blocks, forks. No I/O, and nothing waits."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar

import msgspec

from chain.transactions import digest_of, format_time
from devchain import errors
from devchain.applied import Applied, Block
from devchain.authority import check_authority
from devchain.errors import Frame, NodeError
from devchain.evaluate import Evaluator
from devchain.operations import check_prefixes
from devchain.settings import ChainParameters, DevChainSettings
from devchain.state import State, genesis
from devchain.transaction import (
    ReadTransaction,
    Transaction,
    read_in_slices,
    read_transaction,
    restore_transaction,
    validate_transaction,
)

GENESIS_ID = "00" * 20
TAPOS_WINDOW = 0x10000  #: blocks that a transaction's 16 bits can tell apart

T = TypeVar("T")


class Chain:
    """Accepts transactions, produces blocks, orphans blocks.

    `chain_id` is used if the settings give none; `start` is the genesis time, seconds.
    """

    def __init__(
        self,
        settings: DevChainSettings,
        *,
        clock: Callable[[], float],
        chain_id: str | None = None,
        start: int | None = None,
    ) -> None:
        self.settings = settings
        self.chain_id = chain_id or settings.chain_id or secrets.token_hex(32)
        self.state: State = genesis(settings)
        self.evaluator = Evaluator(settings, self.state)
        self.blocks: list[Block] = []
        self.pending: list[Applied] = []
        self.irreversible = 0  #: number of the last block that stays
        self.staleness = 0  #: seconds that the head time lags by, as a fault
        self._traits = settings.flavour.traits
        self._clock = clock
        self._start = int(clock()) if start is None else start
        self._head_savepoint = self.state.savepoint()  # of the state after the last block, without pending transactions
        self._made = count()  # part of the block id, so that a replacement of an orphaned block differs

    @property
    def parameters(self) -> ChainParameters:
        """The committee's parameters."""
        return self.evaluator.parameters

    @property
    def head_number(self) -> int:
        """Number of the newest block, 0 before the first."""
        return len(self.blocks)

    @property
    def head_id(self) -> str:
        """Id of the newest block."""
        return self.blocks[-1].id if self.blocks else GENESIS_ID

    @property
    def head_time(self) -> int:
        """Time of the newest block, seconds."""
        return self.blocks[-1].time if self.blocks else self._start

    @property
    def operation_count(self) -> int:
        """How many operations are in all blocks."""
        if not self.blocks:
            return 0
        newest = self.blocks[-1]
        return newest.first_operation + sum(len(entry.results) for entry in newest.transactions)

    def block_at(self, number: int) -> Block | None:
        """The block `number`; None beyond the head."""
        return self.blocks[number - 1] if 1 <= number <= self.head_number else None

    def push(self, raw: dict[str, Any]) -> Applied:
        """Check a transaction and add it to the pending ones. Raises NodeError wherever a node refuses it."""
        return self._push(raw, read_transaction(raw, self.settings.prefix))

    async def push_in_slices(self, raw: dict[str, Any]) -> Applied:
        """The same; the event loop goes on while the transaction is read, which is most of the work."""
        return self._push(raw, await read_in_slices(raw, self.settings.prefix))

    def _push(self, raw: dict[str, Any], read: ReadTransaction) -> Applied:
        transaction, packed = read
        if not self._traits.takes_foreign_keys:
            check_prefixes(raw["operations"], self.settings.prefix)
        validate_transaction(transaction, self._traits.reserved_ending)
        try:
            self._check_new(transaction)
            self._check_authority(transaction, packed)
            self._check_reference(transaction)
            entry = self._apply(transaction)
        except NodeError as error:
            data = {"trx": transaction.as_json}
            frames = [Frame(name, "db_block.cpp", "", data) for name in ("_apply_transaction", "push_transaction")]
            raise error.through(*frames) from None
        self.pending.append(entry)
        return entry

    def validate(self, raw: dict[str, Any]) -> Applied:
        """Make every check of `push` without keeping the transaction. Raises NodeError."""
        savepoint = self.state.savepoint()
        entry = self.push(raw)
        self.pending.pop()
        self.state.rollback(savepoint)
        return entry

    def produce(self) -> Block:
        """Produce the next block of the pending transactions that fit; the others stay pending unless they fail."""
        waiting = self._unapply_pending()
        included = self._append(self._next_time(), self._fitting(waiting))
        self._reapply(entry.transaction for entry in waiting if entry.transaction.id not in self.state.transactions)
        return included

    def orphan(self, blocks: int, *, keep: bool = True, reverse: bool = False) -> None:
        """Drop the newest `blocks` blocks, irreversible ones too.

        With `keep` their transactions are pending again, as after a real fork; `reverse` reverses their order,
        so that new accounts get other ids.
        """
        waiting = self._unapply_pending()
        lost: list[Applied] = []
        for _ in range(min(blocks, self.head_number)):
            block = self.blocks.pop()
            self.state.rollback(block.savepoint)
            lost[:0] = block.transactions
        self.irreversible = min(self.irreversible, self.head_number)
        self._head_savepoint = self.state.savepoint()
        if keep:
            again = [*(reversed(lost) if reverse else lost), *waiting]
            self._reapply(entry.transaction for entry in again)

    def override(self, change: Callable[[State], T]) -> T:
        """Change the state without a transaction, and reapply the pending ones on top.

        Orphaning the newest block undoes the change.
        """
        waiting = self._unapply_pending()
        result = change(self.state)
        self._head_savepoint = self.state.savepoint()
        self._reapply(entry.transaction for entry in waiting)
        return result

    def change_parameters(self, **changes: Any) -> None:
        """Change parameters by name. Raises TypeError for an unknown name, ValueError for a bad value."""
        self.evaluator.parameters = replace(self.parameters, **changes)
        if "basic_fee" in changes:
            self.override(lambda state: state.put(state.numbers, "basic_fee", changes["basic_fee"]))

    def replay_block(self, time: int, block_id: str, transactions: Iterable[dict[str, Any]]) -> None:
        """Add a block as it was produced before, from stored transactions. Raises NodeError if one is refused."""
        restored = (restore_transaction(stored) for stored in transactions)
        self._append(time, map(self._apply, restored), block_id)

    def _unapply_pending(self) -> list[Applied]:
        """Roll the state back to the head; returns the transactions that were pending."""
        self.state.rollback(self._head_savepoint)
        waiting, self.pending = self.pending, []
        return waiting

    def _reapply(self, transactions: Iterable[Transaction]) -> None:
        """Apply transactions on top of the head, and drop those that fail, as a node does."""
        for transaction in transactions:
            try:
                self._check_reference(transaction)
                self.pending.append(self._apply(transaction))
            except NodeError:
                continue

    def _append(self, time: int, entries: Iterable[Applied], block_id: str | None = None) -> Block:
        """Add a block of `entries`, which are applied as they are iterated, at the previous head time."""
        savepoint, first_operation = self.state.savepoint(), self.operation_count
        included = tuple(entries)
        new_id = self._block_id(time, included)
        self._maintain(time)
        block = Block(
            self.head_number + 1, block_id or new_id, self.head_id, time, included, first_operation, savepoint
        )
        self.blocks.append(block)
        self.irreversible = max(self.irreversible, self.head_number - self.settings.irreversible_lag)
        self._forget_expired()
        self._head_savepoint = self.state.savepoint()
        return block

    def _fitting(self, waiting: Iterable[Applied]) -> Iterator[Applied]:
        """The transactions of `waiting` that go into the next block, applied again."""
        room = self.parameters.maximum_block_size
        for transaction in (entry.transaction for entry in waiting):
            if transaction.size > room:
                continue
            try:
                entry = self._apply(transaction)
            except NodeError:
                continue
            room -= transaction.size
            yield entry

    def _apply(self, transaction: Transaction) -> Applied:
        """Apply all operations, or none where it raises NodeError."""
        self._check_expiration(transaction.expiration)
        savepoint = self.state.savepoint()
        self.state.put(self.state.transactions, transaction.id, transaction)
        now = self.head_time
        try:
            results = [self.evaluator.apply(entry, now) for entry in transaction.operations]
        except NodeError:
            self.state.rollback(savepoint)
            raise
        return Applied(transaction, results, self._traits.has_results)

    def _check_new(self, transaction: Transaction) -> None:
        if transaction.id in self.state.transactions:
            text = "trx_idx.indices().get<by_trx_id>().find(trx_id) == trx_idx.indices().get<by_trx_id>().end(): "
            raise _refused(text).about(transaction.id)
        is_small = transaction.size <= self.parameters.maximum_transaction_size
        if self.parameters.enforce_transaction_size and not is_small:
            text = "fc::raw::pack_size( trx ) <= chain_parameters.maximum_transaction_size: "
            raise _refused(f"{text}Transaction exceeds maximum transaction size.")

    def _check_authority(self, transaction: Transaction, packed: bytes) -> None:
        digest = digest_of(packed, self.chain_id)
        depth = self.parameters.max_authority_depth
        check_authority(transaction, digest, self.state, prefix=self.settings.prefix, depth=depth)

    def _check_reference(self, transaction: Transaction) -> None:
        behind = (self.head_number - transaction.as_json["ref_block_num"]) % TAPOS_WINDOW
        block = self.block_at(self.head_number - behind)
        prefix = int.from_bytes(bytes.fromhex(block.id if block else GENESIS_ID)[4:8], "little")
        if transaction.as_json["ref_block_prefix"] != prefix:
            raise _refused("trx.ref_block_prefix == tapos_block_summary.block_id._hash[1]: ")

    def _check_expiration(self, expiration: int) -> None:
        now, longest = self.head_time, self.parameters.maximum_time_until_expiration
        now_text, expiration_text = format_time(now), format_time(expiration)
        if expiration > now + longest:
            data = {"trx.expiration": expiration_text, "now": now_text, "max_til_exp": longest}
            raise _refused("trx.expiration <= now + chain_parameters.maximum_time_until_expiration: ", **data)
        if now > expiration:
            raise _refused("now <= trx.expiration: ", **{"now": now_text, "trx.exp": expiration_text})

    def _next_time(self) -> int:
        """Whole seconds, as on any chain; shorter intervals let the chain's clock run ahead."""
        step = max(1, round(self.settings.block_interval))
        return max(self.head_time + step, int(self._clock()))

    def _block_id(self, time: int, entries: tuple[Applied, ...]) -> str:
        """The number, 4 bytes big-endian, and 16 bytes of a hash."""
        parts = [self.chain_id, self.head_id, time, next(self._made), *(entry.transaction.id for entry in entries)]
        digest = hashlib.sha256(msgspec.json.encode(parts)).digest()
        return ((self.head_number + 1).to_bytes(4, "big") + digest[:16]).hex()

    def _maintain(self, time: int) -> None:
        """At a maintenance interval's end, reset the registration count and the fee step."""
        interval = self.parameters.maintenance_interval
        if time // interval != self.head_time // interval:
            self.state.put(self.state.numbers, "registered", 0)
            self.state.put(self.state.numbers, "basic_fee", self.parameters.basic_fee)

    def _forget_expired(self) -> None:
        now, table = self.head_time, self.state.transactions
        for number in [number for number, transaction in table.items() if transaction.expiration < now]:
            self.state.remove(table, number)


def _refused(text: str, **data: Any) -> NodeError:
    return errors.assertion(text, "_apply_transaction", "db_block.cpp", **data)
