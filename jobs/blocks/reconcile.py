"""Compares the ledger with the registrar's operations in the chain's irreversible blocks, and rebuilds what it lost."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chain.errors import LinkError, Refused
from chain.link import Link
from chain.node import Node
from jobs.blocks.account_ids import names_without_ids
from jobs.blocks.transactions import RegistrarTransaction, read_transactions, registrar_transactions
from jobs.errors import Code, FaucetError
from jobs.ledger.chain_status import SavedChainStatus
from jobs.ledger.pins import Pins
from jobs.ledger.reconciliation import Reconciliations
from jobs.model.operators import Difference
from jobs.model.transaction import Fate, Kind, OnChainTransaction, Recorded
from jobs.nodes.claims import account_claim
from jobs.nodes.confirmation import ConfirmedChain
from jobs.settings import Settings

log = logging.getLogger("faucet.reconcile")

RETRY_DELAY = 60.0  #: seconds before a comparison that failed is tried again


class Disagreement(StrEnum):
    """In what the ledger and the chain can differ."""

    UNKNOWN_ACCOUNT = "unknown_account"  #: the registrar registered an account that no job asked for
    UNKNOWN_PAYMENT = "unknown_payment"  #: an account of a job was paid, and the ledger does not know
    GIVEN_UP = "given_up"  #: a block holds what the ledger gave up
    OTHER_ACCOUNT = "other_account"  #: a job has another account id than its registration gave
    PAID_TWICE = "paid_twice"  #: an account got its initial balance from more than one transaction
    NOT_THERE = "not_there"  #: the ledger calls a transaction irreversible, its block does not hold it


@dataclass(frozen=True, slots=True)
class Step:
    """How far a comparison has come."""

    block: int  #: the last one compared
    last: int  #: where it will end
    differences: int  #: found so far
    recovered: int  #: accounts imported so far


class Reconciler:
    """Reads every irreversible block once, and again only when asked to."""

    def __init__(
        self,
        *,
        node: Node,
        reconciliation: Reconciliations,
        pins: Pins,
        chain_status: SavedChainStatus,
        settings: Settings,
        confirmed: ConfirmedChain,
    ) -> None:
        self._node = node
        self._confirmed = confirmed
        self._reconciliation = reconciliation
        self._pins = pins
        self._chain_status = chain_status
        self._settings = settings
        self._registrar_id: str | None = None

    async def steps(self, first: int | None = None, *, rebuild: bool = False) -> AsyncIterator[Step]:
        """Compare from block `first`, or from where the last comparison ended, to the last irreversible block.

        With `rebuild` what the ledger lacks is imported first. Raises LinkError or Refused where the node is
        away, FaucetError where the ledger is, `bad_request` where it belongs to another chain than the node's, or
        `not_found` where the chain has no such registrar.
        """
        await self._check_chain()
        begin = await self._first() if first is None else first
        self._registrar_id = await self._registrar()
        last = await self._confirmed.irreversible(await self._node.head())
        number = await self._reconciliation.begin(begin)
        differences = recovered = 0
        yield Step(begin - 1, last, differences, recovered)
        async for blocks in self._confirmed.blocks(begin, last):
            start, end = blocks[0].number, blocks[-1].number
            entries = await self._with_ids(list(registrar_transactions(blocks, self._registrar_id)))
            if rebuild:
                recovered += await self._reconciliation.rebuild(await self._unknown(entries))
            found = await self._compare(entries, start, end)
            await self._put(number, start, end, entries, found)
            differences += len(found)
            yield Step(end, last, differences, recovered)

    async def _with_ids(self, entries: Sequence[RegistrarTransaction]) -> list[RegistrarTransaction]:
        """`entries` with the ids of the accounts that they registered, looked up where the blocks do not say them."""
        names = names_without_ids([entry.transaction for entry in entries])
        ids = await self._confirmed.account_ids(names) if names else {}
        return [entry.with_ids(ids) for entry in entries]

    async def _first(self) -> int:
        """After the last comparison; before any, where the ledger's first transaction may be."""
        last = await self._reconciliation.latest()
        if last is not None:
            return last.last_block + 1
        return max(1, await self._reconciliation.oldest_transaction() or 1)

    async def _check_chain(self) -> None:
        expected = (await self._chain_status.load()).chain_id
        if expected not in (None, await self._node.chain_id()):
            raise FaucetError(Code.BAD_REQUEST, "The ledger belongs to another chain than the node's.")

    async def _registrar(self) -> str:
        pin = (await self._pins.all()).get(account_claim(self._settings.registrar))
        if pin is not None:
            return pin.value
        account = (await self._node.accounts([self._settings.registrar]))[0]
        if account is None:
            raise FaucetError(Code.NOT_FOUND, f"The chain has no account {self._settings.registrar}.")
        return account.id

    async def _unknown(self, entries: Sequence[RegistrarTransaction]) -> list[OnChainTransaction]:
        unknown = await self._reconciliation.missing_signatures(entry.signature for entry in entries)
        lost = [entry for entry in entries if entry.signature in unknown]
        return await read_transactions(lost, self._node, self._settings) if lost else []

    async def _compare(self, entries: Sequence[RegistrarTransaction], first: int, last: int) -> list[Difference]:
        unknown = await self._unknown(entries)
        named = {operation.name for each in unknown for operation in each.operations}
        served = await self._reconciliation.names_with_jobs(named)
        recorded = await self._reconciliation.recorded(entry.signature for entry in entries)
        return [
            *unknown_differences(unknown, served),
            *known_differences(entries, recorded),
            *missing_differences(await self._reconciliation.irreversible_in(first, last), entries),
        ]

    async def _put(
        self,
        number: int,
        first: int,
        last: int,
        entries: Sequence[RegistrarTransaction],
        differences: Sequence[Difference],
    ) -> None:
        operations = {kind: sum(len(entry.operations) for entry in entries if entry.kind is kind) for kind in Kind}
        await self._reconciliation.save_compared(
            number,
            first,
            last,
            differences,
            registrations=operations[Kind.REGISTRATION],
            payments=operations[Kind.FUNDING],
        )


async def reconcile_forever(
    reconciler: Reconciler, *, link: Link, reconciliation: Reconciliations, interval: float, clock: Callable[[], float]
) -> None:
    """Compare what is new whenever the last comparison is `interval` seconds old."""
    while True:
        try:
            last = await reconciliation.latest()
            due = 0.0 if last is None else last.updated_at / 1000 + interval - clock()
            await asyncio.sleep(max(due, 0))
            await link.wait_connected()
            await _reconcile(reconciler)
        except (LinkError, Refused, FaucetError) as error:
            log.warning("reconciliation failed, retrying", extra={"fields": {"reason": error}})
            await asyncio.sleep(RETRY_DELAY)


async def _reconcile(reconciler: Reconciler) -> None:
    async for step in reconciler.steps():
        level = logging.ERROR if step.differences else logging.INFO
        fields = {"block": step.block, "of": step.last, "differences": step.differences}
        log.log(level, "blocks reconciled", extra={"fields": fields})


def unknown_differences(unknown: Sequence[OnChainTransaction], served: set[str]) -> Iterator[Difference]:
    """What the registrar did that the ledger has no record of. What it sends to others is no concern of the faucet."""
    for each in unknown:
        for operation in each.operations:
            if each.kind is Kind.REGISTRATION:
                text = f"The registrar registered {operation.name}; no transaction of the ledger did."
                yield Difference(each.block_num, Disagreement.UNKNOWN_ACCOUNT, operation.name, text)
            elif operation.name in served:
                text = f"The registrar paid {operation.amount} to {operation.name}; no transaction of the ledger did."
                yield Difference(each.block_num, Disagreement.UNKNOWN_PAYMENT, operation.name, text)


def known_differences(entries: Sequence[RegistrarTransaction], recorded: Sequence[Recorded]) -> Iterator[Difference]:
    """Where the ledger has a transaction, but takes it for something else."""
    by_signature = {entry.signature: entry for entry in entries}
    for record in recorded:
        entry = by_signature[record.signature]
        number = entry.block.number
        if record.fate in (Fate.REFUSED, Fate.EXPIRED):
            text = f"The ledger calls transaction {record.transaction_id} {record.fate}; the block holds it."
            yield Difference(number, Disagreement.GIVEN_UP, record.transaction_id, text)
        elif entry.kind is Kind.FUNDING and not record.in_force:
            text = f"{record.name} was paid by another transaction too."
            yield Difference(number, Disagreement.PAID_TWICE, record.name, text)
        elif entry.kind is Kind.REGISTRATION and record.account_id != entry.accounts.get(record.name):
            text = f"The ledger has {record.account_id} as the account of {record.name}, the chain another."
            yield Difference(number, Disagreement.OTHER_ACCOUNT, record.name, text)


def missing_differences(
    final: dict[str, tuple[str, int]], entries: Sequence[RegistrarTransaction]
) -> Iterator[Difference]:
    """What the ledger calls irreversible, and the chain does not have."""
    there = {entry.signature: entry.block.number for entry in entries}
    for signature, (transaction_id, number) in final.items():
        if there.get(signature) != number:
            text = f"The ledger calls transaction {transaction_id} irreversible; the block does not hold it."
            yield Difference(number, Disagreement.NOT_THERE, transaction_id, text)
