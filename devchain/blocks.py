"""The dev chain itself: pending transactions, blocks, forks. Nothing here waits, or knows of sockets and files."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeVar

import msgspec

from chain.transactions import digest_of, format_time
from devchain import errors
from devchain.authority import check_authority
from devchain.errors import Frame, NodeError
from devchain.evaluate import Evaluator, Result
from devchain.operations import check_prefixes
from devchain.settings import ChainParameters, DevChainSettings
from devchain.state import State, genesis
from devchain.transaction import Transaction, read_transaction, restore_transaction, validate_transaction

GENESIS_ID = "00" * 20
TAPOS_WINDOW = 0x10000  #: blocks that a transaction's 16 bits can tell apart

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Applied:
    """A transaction with what its operations did, in a block or on top of the newest."""

    transaction: Transaction
    results: list[Result]
    has_results: bool  #: whether the chain's blocks say what the operations did

    @property
    def as_json(self) -> dict[str, Any]:
        """The transaction as a block shows it."""
        return {**self.transaction.as_json, "operation_results": self.results if self.has_results else []}


@dataclass(frozen=True, slots=True)
class Block:
    """A block."""

    number: int
    id: str
    previous: str
    time: int  #: seconds
    transactions: tuple[Applied, ...]
    first_operation: int  #: how many operations were in the blocks before it
    savepoint: int  #: the state's changes before it, to undo it


class Chain:
    """Takes transactions, makes blocks, forgets blocks.

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
        self.staleness = 0  #: seconds that the head is shown older than it is: a fault
        self._traits = settings.flavour.traits
        self._clock = clock
        self._start = int(clock()) if start is None else start
        self._settled = self.state.savepoint()  # the state after the last block, before what is pending
        self._made = count()  # makes a block that replaces an orphaned one another block

    @property
    def parameters(self) -> ChainParameters:
        """What the committee has set."""
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
        """Take a transaction. Raises NodeError just where a node would."""
        transaction, packed = read_transaction(raw, self.settings.prefix)
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
        """Make every check of `push`, and keep nothing. Raises NodeError."""
        savepoint = self.state.savepoint()
        entry = self.push(raw)
        self.pending.pop()
        self.state.rollback(savepoint)
        return entry

    def produce(self) -> Block:
        """Make the next block of what is pending and fits; the rest waits on, or is dropped where it fails now."""
        waiting = self._take_back()
        taken = self._append(self._next_time(), self._fitting(waiting))
        self._put_back(entry.transaction for entry in waiting if entry.transaction.id not in self.state.transactions)
        return taken

    def orphan(self, blocks: int, *, keep: bool = True, reverse: bool = False) -> None:
        """Forget the last `blocks` blocks, irreversible ones too.

        With `keep` their transactions are pending again, as after a real fork; `reverse` lets them come back
        in another order, and so with other account ids.
        """
        waiting = self._take_back()
        lost: list[Applied] = []
        for _ in range(min(blocks, self.head_number)):
            block = self.blocks.pop()
            self.state.rollback(block.savepoint)
            lost[:0] = block.transactions
        self.irreversible = min(self.irreversible, self.head_number)
        self._settled = self.state.savepoint()
        if keep:
            again = [*(reversed(lost) if reverse else lost), *waiting]
            self._put_back(entry.transaction for entry in again)

    def override(self, change: Callable[[State], T]) -> T:
        """Change the state by no transaction; what is pending is tried again on top of that.

        The change goes with the newest block, if that is orphaned.
        """
        waiting = self._take_back()
        result = change(self.state)
        self._settled = self.state.savepoint()
        self._put_back(entry.transaction for entry in waiting)
        return result

    def change_parameters(self, **changes: Any) -> None:
        """Go on with other parameters, by name. Raises TypeError for a name that there is not, ValueError."""
        self.evaluator.parameters = replace(self.parameters, **changes)
        if "basic_fee" in changes:
            self.override(lambda state: state.put(state.numbers, "basic_fee", changes["basic_fee"]))

    def replay_block(self, time: int, block_id: str, transactions: Iterable[dict[str, Any]]) -> None:
        """Add a block as it was made before, of stored transactions. Raises NodeError if one does not fit any more."""
        restored = (restore_transaction(stored) for stored in transactions)
        self._append(time, map(self._apply, restored), block_id)

    def _take_back(self) -> list[Applied]:
        """What was pending, with the state as it was without."""
        self.state.rollback(self._settled)
        waiting, self.pending = self.pending, []
        return waiting

    def _put_back(self, transactions: Iterable[Transaction]) -> None:
        """Put transactions on top of the head; those that can't be are dropped, as a node does."""
        for transaction in transactions:
            try:
                self._check_reference(transaction)
                self.pending.append(self._apply(transaction))
            except NodeError:
                continue

    def _append(self, time: int, entries: Iterable[Applied], block_id: str | None = None) -> Block:
        """Add a block of `entries`, which are applied as they are taken, at the head time before it."""
        savepoint, first_operation = self.state.savepoint(), self.operation_count
        taken = tuple(entries)
        new_id = self._block_id(time, taken)
        self._maintain(time)
        block = Block(self.head_number + 1, block_id or new_id, self.head_id, time, taken, first_operation, savepoint)
        self.blocks.append(block)
        self.irreversible = max(self.irreversible, self.head_number - self.settings.irreversible_lag)
        self._forget_expired()
        self._settled = self.state.savepoint()
        return block

    def _fitting(self, waiting: Iterable[Applied]) -> Iterator[Applied]:
        """Those of `waiting` that go into the next block, with what they do there."""
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
        """Apply all operations or none. Raises NodeError."""
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
        now, most = self.head_time, self.parameters.maximum_time_until_expiration
        shown_now, shown_expiration = format_time(now), format_time(expiration)
        if expiration > now + most:
            data = {"trx.expiration": shown_expiration, "now": shown_now, "max_til_exp": most}
            raise _refused("trx.expiration <= now + chain_parameters.maximum_time_until_expiration: ", **data)
        if now > expiration:
            raise _refused("now <= trx.expiration: ", **{"now": shown_now, "trx.exp": shown_expiration})

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
        """At the end of a maintenance interval registrations are counted anew, and cost the basic fee again."""
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
