"""The dev chain itself: pending transactions, blocks, forks."""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec

from chain.devchain import errors
from chain.devchain.evaluate import Evaluator, Result, check_authority, in_own_prefix, validate
from chain.devchain.settings import ChainParameters, DevChainSettings
from chain.devchain.state import State, genesis
from chain.transactions import digest_of, format_time, pack, parse_time, transaction_id

GENESIS_ID = "00" * 20
SIGNATURE_SIZE = 66  #: bytes that one signature and its count take


@dataclass(slots=True)
class Pending:
    """A transaction that was taken and waits for a block."""

    body: dict[str, Any]
    id: str
    size: int
    results: list[Result]


@dataclass(frozen=True, slots=True)
class Block:
    """A block with what undoes it."""

    number: int
    id: str
    previous: str
    time: int
    transactions: tuple[Pending, ...]
    mark: int  #: the state's changes before it


class Chain:
    """Takes transactions, makes blocks, forgets blocks; all in memory and without any waiting."""

    def __init__(self, settings: DevChainSettings, *, clock: Callable[[], float], start: int | None = None) -> None:
        self.settings = settings
        self.parameters = settings.parameters
        self.chain_id = settings.chain_id or secrets.token_hex(32)
        self.state: State = genesis(settings)
        self.blocks: list[Block] = []
        self.pending: list[Pending] = []
        self._clock = clock
        self._start = int(clock()) if start is None else start
        self._settled_mark = self.state.mark()  # the state after the last block, before what is pending
        self._versions = count()  # makes a block that replaces an orphaned one another block
        self.evaluator = Evaluator(settings, self.state)

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
    def irreversible(self) -> int:
        """Number of the last block that stays."""
        return max(0, self.head_number - self.settings.irreversible_lag)

    def push(self, body: dict[str, Any]) -> str:
        """Take a transaction; its id. Raises NodeError just where a node would."""
        body, packed = self._parse(body)
        number = transaction_id(packed)
        if number in self.state.known:
            text = "trx_idx.indices().get<by_trx_id>().find(trx_id) == trx_idx.indices().get<by_trx_id>().end(): "
            raise errors.assertion(text, method="_apply_transaction")
        digest = digest_of(packed, self.chain_id)
        check_authority(self.state, body["operations"], body["signatures"], digest, self.settings.prefix)
        self._check_reference(body)
        size = len(packed) + SIGNATURE_SIZE
        self._check_size(size)
        results = self._apply(body, number)
        self.pending.append(Pending(body, number, size, results))
        return number

    def produce(self) -> Block:
        """Make the next block of what is pending and fits; the rest waits on, or is dropped where it fails now."""
        self.state.undo(self._settled_mark)
        waiting, self.pending = self.pending, []
        block = self._append(self._next_time(), waiting)
        self._repush([transaction for transaction in waiting if transaction.id not in self.state.known])
        return block

    def replay(self, entry: dict[str, Any]) -> None:
        """Do again what a line of the journal says: a block that was made, or blocks that were forgotten."""
        if "orphan" in entry:
            self.orphan(entry["orphan"], keep=False)
            return
        transactions = [self._read(body) for body in entry["transactions"]]
        self._append(entry["time"], transactions, block_id=entry["id"])

    def orphan(self, blocks: int, *, keep: bool = True, reverse: bool = False) -> None:
        """Forget the last `blocks` blocks, irreversible ones too.

        With `keep` their transactions are pending again, as after a real fork; `reverse` lets them come back
        in another order, and so with other account ids.
        """
        lost: list[Pending] = []
        waiting, self.pending = self.pending, []
        self.state.undo(self._settled_mark)
        for _ in range(min(blocks, self.head_number)):
            block = self.blocks.pop()
            lost[:0] = block.transactions
            self.state.undo(block.mark)
        self._settled_mark = self.state.mark()
        if keep:
            self._repush([*(reversed(lost) if reverse else lost), *waiting])

    def settle(self) -> None:
        """Keep changes that came by no transaction; what is pending goes back on top of them."""
        waiting, self.pending = self.pending, []
        self._settled_mark = self.state.mark()
        for transaction in waiting:
            self.state.put(self.state.known, transaction.id, parse_time(transaction.body["expiration"]))
        self.pending = waiting

    def change_parameters(self, parameters: ChainParameters) -> None:
        """Go on with other parameters."""
        self.parameters = parameters
        self.evaluator.parameters = parameters

    def block_at(self, number: int) -> Block | None:
        """The block `number`; None beyond the head."""
        return self.blocks[number - 1] if 1 <= number <= self.head_number else None

    def validate_only(self, body: dict[str, Any]) -> None:
        """Make every check of `push`, and keep nothing. Raises NodeError."""
        mark = self.state.mark()
        self.push(body)
        self.pending.pop()
        self.state.undo(mark)

    def _append(self, time: int, waiting: list[Pending], block_id: str | None = None) -> Block:
        """Add a block of those of `waiting` that go into it."""
        mark = self.state.mark()
        taken = tuple(self._take(waiting))
        self._maintain(time)
        new_id = block_id or self._block_id(time, taken)
        block = Block(self.head_number + 1, new_id, self.head_id, time, taken, mark)
        self.blocks.append(block)
        self._forget_expired()
        self._settled_mark = self.state.mark()
        return block

    def _read(self, body: dict[str, Any]) -> Pending:
        packed = pack(body, self.settings.prefix)
        return Pending(body, transaction_id(packed), len(packed) + SIGNATURE_SIZE, [])

    def _parse(self, body: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The transaction as the chain writes it, and its bytes."""
        try:
            operations = body["operations"]
            validate(operations)
            own = [in_own_prefix(operation, self.settings.prefix) for operation in operations]
            clean = {
                "ref_block_num": int(body.get("ref_block_num", 0)),
                "ref_block_prefix": int(body.get("ref_block_prefix", 0)),
                "expiration": format_time(parse_time(body["expiration"])),
                "operations": own,
                "extensions": [],
                "signatures": [str(signature) for signature in body.get("signatures", [])],
            }
            return clean, pack(clean, self.settings.prefix)
        except errors.NodeError:
            raise
        except Exception as error:  # whatever the package makes of strange input, a node calls it a bad cast
            raise errors.bad_cast(type(error).__name__) from error

    def _check_reference(self, body: dict[str, Any]) -> None:
        behind = (self.head_number - body["ref_block_num"]) & 0xFFFF
        block = self.block_at(self.head_number - behind)
        prefix = int.from_bytes(bytes.fromhex(block.id if block else GENESIS_ID)[4:8], "little")
        if body["ref_block_prefix"] != prefix:
            text = "trx.ref_block_prefix == tapos_block_summary.block_id._hash[1]: "
            raise errors.assertion(text, method="_apply_transaction")

    def _check_size(self, size: int) -> None:
        if size > self.parameters.maximum_transaction_size:
            text = "fc::raw::pack_size( trx ) <= chain_parameters.maximum_transaction_size: "
            raise errors.assertion(text, method="_apply_transaction")

    def _check_expiration(self, expiration: int) -> None:
        now = self.head_time
        if expiration > now + self.parameters.maximum_time_until_expiration:
            text = "trx.expiration <= now + chain_parameters.maximum_time_until_expiration: "
            raise errors.assertion(text, method="_apply_transaction")
        if now > expiration:
            data = {"now": format_time(now), "trx.exp": format_time(expiration)}
            raise errors.assertion("now <= trx.expiration: ", method="_apply_transaction", **data)

    def _apply(self, body: dict[str, Any], number: str) -> list[Result]:
        """Apply all operations or none."""
        expiration = parse_time(body["expiration"])
        self._check_expiration(expiration)
        mark = self.state.mark()
        try:
            self.state.put(self.state.known, number, expiration)
            return [self.evaluator.apply(operation, self.head_time) for operation in body["operations"]]
        except errors.NodeError:
            self.state.undo(mark)
            raise

    def _take(self, waiting: list[Pending]) -> Iterator[Pending]:
        """Those of `waiting` that go into a block now, with what they did there."""
        room = self.parameters.maximum_block_size
        for transaction in waiting:
            if transaction.size > room:
                continue
            try:
                results = self._apply(transaction.body, transaction.id)
            except errors.NodeError:
                continue
            room -= transaction.size
            yield Pending(transaction.body, transaction.id, transaction.size, results)

    def _repush(self, transactions: list[Pending]) -> None:
        """Put transactions back on top of the head; those that can't be are dropped, as a node does."""
        for transaction in transactions:
            try:
                self._check_reference(transaction.body)
                results = self._apply(transaction.body, transaction.id)
            except errors.NodeError:
                continue
            self.pending.append(Pending(transaction.body, transaction.id, transaction.size, results))

    def _next_time(self) -> int:
        step = max(1, round(self.settings.block_interval))
        return max(self.head_time + step, int(self._clock()))

    def _block_id(self, time: int, transactions: tuple[Pending, ...]) -> str:
        parts = [self.head_id, str(time), str(next(self._versions)), *(entry.id for entry in transactions)]
        digest = hashlib.sha256(msgspec.json.encode(parts)).digest()
        return ((self.head_number + 1).to_bytes(4, "big") + digest[:16]).hex()

    def _maintain(self, time: int) -> None:
        """At the end of a maintenance interval registrations are counted anew, and cost the basic fee again."""
        interval = self.parameters.maintenance_interval
        if time // interval != self.head_time // interval:
            self.state.put(self.state.numbers, "registered", 0)
            self.state.put(self.state.numbers, "basic_fee", self.parameters.basic_fee)

    def _forget_expired(self) -> None:
        for number, expiration in list(self.state.known.items()):
            if expiration < self.head_time:
                self.state.forget(self.state.known, number)
