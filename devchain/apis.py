"""The APIs of a node but for the database: login, broadcasting, history. The public methods are the calls."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

from devchain import errors
from devchain.applied import Applied
from devchain.blocks import Chain
from devchain.operations import AccountCreate, DecodedOperation, Transfer
from devchain.subscriptions import Listener, Subscriptions

NUMBERS = {"login": 1, "network_broadcast": 3, "database": 4, "history": 5}
FIRST_API = 0  #: the database, available without a login
MAX_HISTORY = 100  #: entries in one reply (history_api.cpp)

_ENTRY_ID = re.compile(r"1\.11\.(-?\d{1,15})")


class Login:
    """Gives every client the numbers of the other APIs."""

    def login(self, user: str, password: str) -> bool:  # noqa: ARG002  # the call has them
        """Whether the client may use the node."""
        return True

    def database(self) -> int:
        """The number of the database."""
        return NUMBERS["database"]

    def network_broadcast(self) -> int:
        """The number of the API that takes transactions."""
        return NUMBERS["network_broadcast"]

    def history(self) -> int:
        """The number of the history."""
        return NUMBERS["history"]


class NetworkBroadcast:
    """The API that accepts transactions."""

    def __init__(self, chain: Chain, subscriptions: Subscriptions, listener: Listener) -> None:
        self._chain = chain
        self._subscriptions = subscriptions
        self._listener = listener

    async def broadcast_transaction(self, trx: dict[str, Any]) -> None:
        """Return null once the transaction is pending. Raises NodeError."""
        await self._chain.push_in_slices(trx)

    async def broadcast_transaction_with_callback(self, callback: int, trx: dict[str, Any]) -> None:
        """The same; `callback` gets a notice when the transaction is in a block."""
        transaction_id = (await self._chain.push_in_slices(trx)).transaction.id
        self._subscriptions.on_inclusion(
            self._listener, transaction_id, lambda notice: self._listener.notify(callback, notice)
        )

    async def broadcast_transaction_synchronous(self, trx: dict[str, Any]) -> asyncio.Future[dict[str, Any]]:
        """The notice of the block that includes the transaction, once one does."""
        included: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        transaction_id = (await self._chain.push_in_slices(trx)).transaction.id
        self._subscriptions.on_inclusion(self._listener, transaction_id, included.set_result)
        return included


class History:
    """The API that lists an account's operations."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def get_account_history(self, account: str, stop: str, limit: int, start: str) -> list[dict[str, Any]]:
        """Up to `limit` operations that concern the account id, the newest first: after `stop`, not after `start`."""
        if limit > MAX_HISTORY:
            raise errors.assertion("limit <= 100: ", "get_account_history", "api.cpp")
        newest, oldest = _number_of(start), _number_of(stop)
        if newest <= 0:
            newest = self._chain.operation_count
        entries = (entry for number, entry in self._operations(account) if oldest < number <= newest)
        return [entry for entry, _ in zip(entries, range(limit), strict=False)]

    def _operations(self, account: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number and entry of each operation that concerns the account, the newest first."""
        for block in reversed(self._chain.blocks):
            number = block.first_operation + sum(len(entry.results) for entry in block.transactions)
            for position, applied in reversed(list(enumerate(block.transactions))):
                for place in reversed(range(len(applied.results))):
                    if account in _concerned(applied.transaction.operations[place], applied.results[place]):
                        yield number, _entry(number, applied, place, block.number, position)
                    number -= 1


def _number_of(entry_id: str) -> int:
    """The number in 1.11.x; wallets ask for the one below the first, 1.11.-1, when they want the newest."""
    found = _ENTRY_ID.fullmatch(entry_id)
    if found is None:
        raise errors.unreadable_id(entry_id)
    return int(found.group(1))


def _concerned(operation: DecodedOperation, result: list[Any]) -> tuple[Any, ...]:
    body = operation.body
    if isinstance(body, AccountCreate):
        return (body.registrar, result[1])
    # An assertion does not concern the account that it is about (impacted.cpp).
    return (body.sender, body.receiver) if isinstance(body, Transfer) else (body.payer,)


def _entry(number: int, applied: Applied, place: int, block: int, position: int) -> dict[str, Any]:
    return {
        "id": f"1.11.{number}",
        "op": applied.transaction.operations[place].as_json,
        "result": applied.results[place],
        "block_num": block,
        "trx_in_block": position,
        "op_in_trx": place,
        "virtual_op": 0,
    }
