"""Who wants to be told what of the chain."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol

from devchain.blocks import Block


class Listener(Protocol):
    """A client that takes notices."""

    def notify(self, callback: int, value: Any) -> None:
        """Send `value` for the number that the client gave."""
        ...


class Subscriptions:
    """Announces blocks, and what is in them, to those who asked for it."""

    def __init__(self) -> None:
        self._blocks: dict[Listener, int] = {}
        self._inclusions: defaultdict[str, list[tuple[Listener, Callable[[dict[str, Any]], None]]]] = defaultdict(list)

    def on_block(self, listener: Listener, callback: int) -> None:
        """Tell `callback` of each block; a second one of the same listener takes the first one's place."""
        self._blocks[listener] = callback

    def on_inclusion(self, listener: Listener, transaction_id: str, tell: Callable[[dict[str, Any]], None]) -> None:
        """Call `tell` once, when the transaction is in a block."""
        self._inclusions[transaction_id].append((listener, tell))

    def cancel(self, listener: Listener) -> None:
        """Tell the listener of no more blocks."""
        self._blocks.pop(listener, None)

    def forget(self, listener: Listener) -> None:
        """Tell the listener nothing any more: it is gone."""
        self.cancel(listener)
        for transaction_id, waiting in list(self._inclusions.items()):
            self._inclusions[transaction_id] = [entry for entry in waiting if entry[0] is not listener]

    def announce(self, block: Block) -> None:
        """Tell everybody of `block`."""
        for listener, callback in self._blocks.items():
            listener.notify(callback, block.id)
        for position, entry in enumerate(block.transactions):
            notice = {
                "id": entry.transaction.id,
                "block_num": block.number,
                "trx_num": position,
                "trx": entry.as_json,
            }
            for _, tell in self._inclusions.pop(entry.transaction.id, []):
                tell(notice)
