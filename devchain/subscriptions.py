"""Who is subscribed to blocks and inclusions."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol

from devchain.applied import Block


class Listener(Protocol):
    """A client that receives notices."""

    def notify(self, callback: int, value: Any) -> None:
        """Send `value` to the client's callback number."""
        ...


class Subscriptions:
    """Announces blocks and inclusions to their subscribers."""

    def __init__(self) -> None:
        self._blocks: dict[Listener, int] = {}
        self._inclusions: defaultdict[str, list[tuple[Listener, Callable[[dict[str, Any]], None]]]] = defaultdict(list)

    def on_block(self, listener: Listener, callback: int) -> None:
        """Announce each block to `callback`, which replaces the listener's former one."""
        self._blocks[listener] = callback

    def on_inclusion(self, listener: Listener, transaction_id: str, notify: Callable[[dict[str, Any]], None]) -> None:
        """Call `notify` once, when the transaction is in a block."""
        self._inclusions[transaction_id].append((listener, notify))

    def cancel(self, listener: Listener) -> None:
        """End the listener's block subscription."""
        self._blocks.pop(listener, None)

    def forget(self, listener: Listener) -> None:
        """End all subscriptions of a listener that disconnected."""
        self.cancel(listener)
        for transaction_id, waiting in list(self._inclusions.items()):
            self._inclusions[transaction_id] = [entry for entry in waiting if entry[0] is not listener]

    def announce(self, block: Block) -> None:
        """Announce `block` and its transactions."""
        for listener, callback in self._blocks.items():
            listener.notify(callback, block.id)
        for position, entry in enumerate(block.transactions):
            notice = {
                "id": entry.transaction.id,
                "block_num": block.number,
                "trx_num": position,
                "trx": entry.as_json,
            }
            for _, notify in self._inclusions.pop(entry.transaction.id, []):
                notify(notice)
