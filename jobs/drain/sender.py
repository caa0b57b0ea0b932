"""Signing, writing ahead and broadcasting: the one place where a transaction leaves."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence

from chain.cancellation import end_tasks
from chain.errors import LinkError, Refused
from chain.link import Link
from chain.node import Head, Node
from chain.packing import pack_operation, with_packed_fee
from chain.refusals import Cause, Refusal
from chain.transactions import RefBlock, assert_account_name, sign
from jobs.drain.batch import Candidate, assertions_of, cost_of
from jobs.drain.context import DrainContext
from jobs.ledger.drain import DrainQueue
from jobs.ledger.store import MAX_JOBS, parts_of
from jobs.model.transaction import Kind, SignedTransaction, Transaction, WholeTransaction
from jobs.monitoring.metrics import Metrics

log = logging.getLogger("faucet.sender")

IN_FLIGHT = 32  #: broadcasts that wait for their answers side by side
#: Accounts in transactions that are not answered yet, beyond which none is signed: enough to keep a node busy while the
#: jobs behind them and their accounts are read.
MAX_UNANSWERED = 1500
#: Bytes of JSON, sent between two blocks, after which the next one is waited for. An account has 630 and is 160 in the
#: chain, so this is what nodes pass on to each other in a block, 2 MB, and as a node shows it less than MAX_FRAME.
MAX_BLOCK = 7_500_000
RESEND_AFTER = 4  #: blocks without a transaction before its bytes are sent again

Group = tuple[Candidate, ...]
RefusedGroup = tuple[Transaction, Group, Refusal]


class Sender:
    """Sends transactions that are on disk, and remembers over which connection."""

    def __init__(self, *, link: Link, node: Node, queue: DrainQueue, metrics: Metrics) -> None:
        self._link = link
        self._node = node
        self._queue = queue
        self._metrics = metrics
        self._sent: dict[int, tuple[int, int]] = {}  # transaction → the connection and head block of its last send
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._block = 0  # the link's number of the last one
        self._bytes = 0  # sent since then
        self._epoch = 0  # the connection that the counts below are of
        self._accepted = 0
        self._refused_in_a_row = 0

    @property
    def epoch(self) -> int:
        """Number of the connection in use."""
        return self._link.epoch

    @property
    def accepted(self) -> int:
        """How many transactions the node has taken on this connection."""
        return self._accepted if self._epoch == self._link.epoch else 0

    @property
    def refused_in_a_row(self) -> int:
        """How many it has refused since it took the last one."""
        return self._refused_in_a_row if self._epoch == self._link.epoch else 0

    @property
    def has_room(self) -> bool:
        """Whether more goes into the next block: if one was larger than can be read, no node could be followed."""
        return self._block != self._link.blocks or self._bytes < MAX_BLOCK

    async def send(
        self, kind: Kind, groups: Sequence[Group], context: DrainContext, ref_block: RefBlock
    ) -> list[RefusedGroup]:
        """Sign a transaction for each group, write it ahead, then broadcast it; those that the node refused."""
        async with self.broadcasts(kind, ref_block) as broadcasts:
            await broadcasts.add(groups, context)
            return await broadcasts.refused()

    @contextlib.asynccontextmanager
    async def broadcasts(self, kind: Kind, ref_block: RefBlock) -> AsyncIterator["Broadcasts"]:
        """Transactions of one kind, which end with the block."""
        broadcasts = Broadcasts(self, kind, ref_block)
        try:
            yield broadcasts
        finally:
            await broadcasts.end()

    async def record(
        self, kind: Kind, groups: Sequence[Group], context: DrainContext, ref_block: RefBlock
    ) -> list[tuple[WholeTransaction, Group]]:
        """Sign a transaction for each group, and write all of them ahead; those that are to be sent."""
        signed = await asyncio.to_thread(_sign_all, kind, groups, context, ref_block)
        recorded = await self._queue.record_signed(signed, context.allowance.budget)
        for transaction in recorded:
            self._fill_block(transaction)
        carried = {transaction.signature: group for transaction, group in zip(signed, groups, strict=True)}
        return [(transaction, carried[transaction.signature]) for transaction in recorded]

    async def resend(self, head: Head) -> None:
        """Send the same bytes again where the outcome is unknown: a node refuses what it already has.

        Whatever it answers, only a block or time decides: an earlier send may have reached another node.
        """
        live = await self._queue.live()
        if any(transaction.number not in self._sent for transaction in live):
            # Written by another process, or by a commit whose outcome nobody knew: a failover may yet forget it.
            live = await self._queue.confirmed_live()
        self._sent = {transaction.number: self._sent.get(transaction.number, (-1, 0)) for transaction in live}
        stale = [transaction for transaction in live if self._is_stale(transaction, head) and self._takes(transaction)]
        await asyncio.gather(*(self.broadcast(transaction, head) for transaction in stale))

    def _is_stale(self, transaction: Transaction, head: Head) -> bool:
        connection, block = self._sent[transaction.number]
        if transaction.expiration < head.time:
            return False
        return connection != self._link.epoch or head.number - block >= RESEND_AFTER

    def _takes(self, transaction: WholeTransaction) -> bool:
        """Whether there is room for `transaction`, which is taken then."""
        if not self.has_room:
            return False
        self._fill_block(transaction)
        return True

    def _fill_block(self, transaction: WholeTransaction) -> None:
        if self._block != self._link.blocks:
            self._block, self._bytes = self._link.blocks, 0
        self._bytes += len(transaction.body)

    async def broadcast(self, transaction: WholeTransaction, head: Head) -> Refusal | None:
        """Send `transaction`; why the node refused it, None where it did not, or the outcome is unknown."""
        async with self._slots:
            if self._queue.deposed:
                return None  # it is on disk: the owner of the chain sends it
            self._sent[transaction.number] = (self._link.epoch, head.number)
            try:
                await self._node.broadcast(transaction.body)
            except Refused as error:
                self._count(transaction, "refused" if error.refusal.cause is not Cause.KNOWN else "known")
                return error.refusal
            except LinkError as error:
                # Lost, late or garbled: whatever it was, the transaction may have been taken.
                self._sent.pop(transaction.number, None)
                fields = {"transaction": transaction.id, "outcome": "unknown", "reason": error}
                log.warning("transaction sent", extra={"fields": fields})
                self._count(transaction, "unknown")
                return None
        self._count(transaction, "accepted")
        return None

    def _count(self, transaction: Transaction, outcome: str) -> None:
        if self._epoch != self._link.epoch:
            self._epoch, self._accepted, self._refused_in_a_row = self._link.epoch, 0, 0
        if outcome == "accepted":
            self._accepted, self._refused_in_a_row = self._accepted + 1, 0
        elif outcome == "refused":
            self._refused_in_a_row += 1
        self._metrics.transactions_total.labels(kind=transaction.kind, outcome=outcome).inc()


class Broadcasts:
    """Transactions on their way: the node evaluates some while others are signed."""

    def __init__(self, sender: Sender, kind: Kind, ref_block: RefBlock) -> None:
        self._sender = sender
        self._kind = kind
        self._ref_block = ref_block
        self._sent: deque[tuple[Transaction, Group, asyncio.Task[Refusal | None]]] = deque()
        self._unanswered = 0  # accounts in them
        self._refused: list[RefusedGroup] = []
        self.count = 0  #: transactions so far

    @property
    def has_refused(self) -> bool:
        """Whether the node is known to have refused one."""
        while self._sent and self._sent[0][2].done():
            self._settle(*self._sent.popleft())
        return bool(self._refused)

    async def add(self, groups: Sequence[Group], context: DrainContext) -> bool:
        """Sign a transaction for each group, write it ahead, and begin to broadcast it. Raises FaucetError.

        Whether there was room for all in the next block.
        """
        for part in parts_of(groups, len, MAX_JOBS):
            if not self._sender.has_room:
                return False
            await self._answered(MAX_UNANSWERED - MAX_JOBS)
            for transaction, group in await self._sender.record(self._kind, part, context, self._ref_block):
                broadcast = asyncio.create_task(self._sender.broadcast(transaction, context.head))
                self._sent.append((transaction, group, broadcast))
                self._unanswered += len(group)
                self.count += 1
        return True

    async def refused(self) -> list[RefusedGroup]:
        """Those that the node refused, once all are answered.

        A lost connection is no refusal: the outcome is unknown then, and `resend` repeats the same bytes.
        """
        await self._answered(0)
        return self._refused

    async def end(self) -> None:
        """End what is not answered yet: it is on disk."""
        await end_tasks([broadcast for _, _, broadcast in self._sent])

    async def _answered(self, maximum: int) -> None:
        """Return once no more than `maximum` accounts wait for an answer."""
        while self._unanswered > maximum:
            _, _, oldest = self._sent[0]
            await oldest
            self._settle(*self._sent.popleft())

    def _settle(self, transaction: Transaction, group: Group, broadcast: asyncio.Task[Refusal | None]) -> None:
        self._unanswered -= len(group)
        if (refusal := broadcast.result()) is not None:
            self._refused.append((transaction, group, refusal))


def _sign_all(
    kind: Kind, groups: Sequence[Group], context: DrainContext, ref_block: RefBlock
) -> list[SignedTransaction]:
    return [_sign(kind, group, context, ref_block) for group in groups]


def _sign(kind: Kind, group: Group, context: DrainContext, ref_block: RefBlock) -> SignedTransaction:
    profile = context.profile
    assertions = [
        assert_account_name(payer=context.registrar_id, account_id=each.account_id, name=each.name, fee=each.fee)
        for each in assertions_of(group)
    ]
    packed = [
        *(pack_operation(assertion, profile.prefix) for assertion in assertions),
        *(with_packed_fee(candidate.packed, candidate.fee) for candidate in group),
    ]
    signed = sign(
        [*assertions, *(candidate.operation for candidate in group)],
        ref_block=ref_block,
        expiration=context.expiration,
        chain_id=profile.chain_id,
        prefix=profile.prefix,
        key=profile.key,
        packed_operations=packed,
    )
    return SignedTransaction(
        kind=kind,
        id=signed.id,
        signature=signed.signature,
        body=signed.body,
        reference=ref_block.number,
        expiration=context.expiration,
        jobs=tuple(candidate.job.number for candidate in group),
        fees=tuple(candidate.fee for candidate in group),
        cost=cost_of(group),
        referrers=tuple(candidate.referrer for candidate in group if candidate.referrer is not None),
    )
