"""Follows the chain's blocks: what came into one, what was orphaned, what is final, what can never be."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from chain.errors import BadReply
from chain.node import Block, Head, Node
from jobs.config import Settings
from jobs.found import deeds_of, found_all
from jobs.ledger import Ledger
from jobs.metrics import Metrics
from jobs.model import BlockEffects, Found, Job, Kind, Transaction
from jobs.terms import is_ours

log = logging.getLogger("faucet.tracker")

CHUNK = 50  #: blocks read side by side while catching up
ACCOUNT_CREATE = 5  #: the operation's number (operations.hpp)


class Tracker:
    """Brings the ledger to the chain's head. `follow` is called for each new block, never twice at once."""

    def __init__(
        self,
        *,
        node: Node,
        ledger: Ledger,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._node = node
        self._ledger = ledger
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._registrar_id: str | None = None
        #: Every block was followed once since the start. Before that the ledger, which may have come from a
        #: backup, may not know what was signed with the registrar's key, so nothing new must be.
        self.caught_up = False

    async def follow(self) -> Head:
        """Follow every block up to the head, leave forks, settle what is irreversible; the head.

        Raises LinkError, Refused or FaucetError where node or ledger are away: the next call goes on.
        """
        head = await self._node.head()
        if await self._leave_fork(head):
            await self._read_blocks(head)
        followed = await self._ledger.last_block()
        if followed is not None:
            await self._settle(min(head.irreversible, followed[0]))
        self.caught_up |= (followed[0] if followed else 0) >= head.number
        return head

    async def _leave_fork(self, head: Head) -> bool:
        """Undo blocks that the chain no longer has; whether there is anything to read."""
        last = await self._ledger.last_block()
        if last is None or last[0] < head.number:
            return True
        remembered = await self._ledger.block_id(head.number)
        if remembered in (head.id, None):
            return False  # the same block, or a node that is behind
        await self._orphan(head.number)
        return True

    async def _orphan(self, number: int) -> None:
        lost = await self._ledger.orphan(number)
        log.warning("block=%d orphaned transactions=%d", number, lost)

    async def _read_blocks(self, head: Head) -> None:
        """Follow the blocks after the last one known, each checked to follow its predecessor."""
        while True:
            last = await self._ledger.last_block()
            first = await self._first_block(head) if last is None else last[0] + 1
            if first > head.number:
                return
            blocks = await self._fetch(first, min(head.number, first + CHUNK))
            if not blocks:
                return
            if last is not None and blocks[0].previous != last[1]:
                await self._orphan(last[0])
                continue
            if not await self._note(blocks, head):
                return

    async def _first_block(self, head: Head) -> int:
        """Where to begin: at the last irreversible block, or where a live transaction may already be."""
        oldest = await self._ledger.oldest_reference()
        return max(1, head.irreversible if oldest is None else min(oldest, head.irreversible))

    async def _fetch(self, first: int, last: int) -> list[Block]:
        """The blocks from `first` to `last`, up to the first that is missing."""
        blocks = await self._fetch_range(range(first, last + 1))
        present = blocks[: blocks.index(None)] if None in blocks else blocks
        return [block for block in present if block is not None]

    async def _note(self, blocks: Sequence[Block], head: Head) -> bool:
        """Note what `blocks` hold; whether that got any further.

        A block carries its predecessor's id, not its own: the last one is left for the next round unless it
        is the head, whose id is known.
        """
        ids = [successor.previous for _, successor in pairwise(blocks)]
        if blocks[-1].number == head.number:
            ids.append(head.id)
        payments = await self._unknown_payments(blocks[: len(ids)])
        effects = [
            replace(effects_of(block, block_id), payments=payments.get(block.number, ()))
            for block, block_id in zip(blocks, ids, strict=False)
        ]
        registered = await self._ledger.follow(effects, head.irreversible)
        self._observe(registered)
        return bool(effects)

    async def _unknown_payments(self, blocks: Sequence[Block]) -> dict[int, tuple[Found, ...]]:
        """The registrar's payments that the ledger has no record of, by block number.

        A ledger restored from a backup has jobs that were paid since: paying them again would be for good.
        """
        paid = [deed for deed in deeds_of(blocks, await self._registrar()) if deed.kind is Kind.FUNDING]
        unknown = await self._ledger.unknown(deed.signature for deed in paid)
        lost = [deed for deed in paid if deed.signature in unknown]
        if not lost:
            return {}
        log.warning("payments=%d unknown to the ledger are taken over", len(lost))
        payments: dict[int, tuple[Found, ...]] = {}
        for deed in await found_all(lost, self._node, self._settings):
            payments[deed.block_num] = (*payments.get(deed.block_num, ()), deed)
        return payments

    async def _registrar(self) -> str | None:
        """The registrar's account id; None as long as the chain has no such account."""
        if self._registrar_id is None:
            account = (await self._node.accounts([self._settings.registrar]))[0]
            self._registrar_id = None if account is None else account.id
        return self._registrar_id

    def _observe(self, registered: Sequence[Job]) -> None:
        now = self._clock() * 1000
        for job in registered:
            self._metrics.registration_seconds.observe(max(0.0, now - job.created_at) / 1000)

    async def _settle(self, irreversible: int) -> None:
        """Finish what `irreversible` and the blocks before it hold, and give up what they can never hold."""
        for number, transactions in groupby(await self._ledger.unsettled(irreversible), lambda found: found.block_num):
            await self._settle_block(number or 0, list(transactions))
        await self._settle_adopted(irreversible)
        if await self._ledger.live():
            await self._expire(irreversible)

    async def _settle_block(self, number: int, transactions: Sequence[Transaction]) -> None:
        """Check `transactions` against the irreversible block itself, read once: only that proves them."""
        block = await self._node.block(number)
        if block is None:
            return
        results = effects_of(block, "").results
        held = [(entry, results[entry.signature]) for entry in transactions if entry.signature in results]
        if held:
            await self._ledger.settle(held)
        for transaction in transactions:
            if transaction.signature not in results:
                log.warning("transaction=%s missing from irreversible block=%d", transaction.id, number)
                await self._ledger.release(transaction)

    async def _settle_adopted(self, irreversible: int) -> None:
        jobs = await self._ledger.adopted(irreversible)
        if not jobs:
            return
        accounts = await self._node.accounts([job.signup.name for job in jobs])
        await self._ledger.settle_adopted(
            {
                job.number: account.id if account is not None and is_ours(job.signup, account, self._settings) else None
                for job, account in zip(jobs, accounts, strict=True)
            }
        )

    async def _expire(self, irreversible: int) -> None:
        """Give up what expired before `irreversible` and is in no block since the one that it refers to.

        Those blocks are read once more: they can't change any more, whatever forks were followed before.
        """
        last = await self._node.block(irreversible)
        overdue = [] if last is None else await self._ledger.overdue(last.time)
        if not overdue:
            return
        first = min(transaction.reference for transaction in overdue) + 1
        held: set[str] = set()
        for start in range(first, irreversible + 1, CHUNK):
            held |= await self._include_missed(range(start, min(irreversible, start + CHUNK - 1) + 1), overdue)
        dead = [transaction for transaction in overdue if transaction.signature not in held]
        for transaction in dead:
            log.warning("transaction=%s expired kind=%s", transaction.id, transaction.kind)
        await self._ledger.expire(dead)

    async def _include_missed(self, numbers: range, overdue: Sequence[Transaction]) -> set[str]:
        """Note which of `overdue` the irreversible blocks `numbers` hold after all; their signatures.

        Raises BadReply where the node lacks one of the blocks: nothing can be given up then.
        """
        sought = {transaction.signature for transaction in overdue}
        held: set[str] = set()
        for number, block in zip(numbers, await self._fetch_range(numbers), strict=True):
            if block is None:
                raise BadReply(f"the node lacks block {number}, which it calls irreversible")
            effects = effects_of(block, "")
            if found := sought & effects.results.keys():
                await self._ledger.include(effects)
                held |= found
        return held

    async def _fetch_range(self, numbers: range) -> list[Block | None]:
        return await asyncio.gather(*(self._node.block(number) for number in numbers))


def effects_of(block: Block, block_id: str) -> BlockEffects:
    """What `block`, whose id is `block_id`, means to the ledger."""
    return BlockEffects(
        number=block.number,
        id=block_id,
        results={
            signature: transaction.results for transaction in block.transactions for signature in transaction.signatures
        },
        accounts=tuple(
            (operation[1]["name"], result)
            for transaction in block.transactions
            for operation, result in zip(transaction.operations, transaction.results, strict=True)
            if operation[0] == ACCOUNT_CREATE and result is not None
        ),
    )
