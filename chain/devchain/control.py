"""Steering a dev chain: blocks on demand, forks, faults, and what other people do on a chain."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chain.devchain.faults import Do, Fault
from chain.devchain.state import FOREVER, NEVER, authority, new_account

if TYPE_CHECKING:
    from chain.devchain.server import DevChain


class Control:
    """The methods of the API `devchain`, open only to a chain that was started with faults allowed."""

    def __init__(self, dev_chain: "DevChain") -> None:
        self._dev_chain = dev_chain

    def method(self, name: str) -> Callable[..., Any] | None:
        """The method `name`; None if there is none such."""
        return None if name.startswith("_") or name == "method" else getattr(self, name, None)

    def produce(self, blocks: int = 1) -> int:
        """Make blocks now; the head's number."""
        for _ in range(blocks):
            self._dev_chain.produce()
        return self._dev_chain.chain.head_number

    def stall(self, stalled: bool) -> None:
        """Make no blocks by the clock, or make them again."""
        self._dev_chain.stalled = stalled

    def orphan(self, blocks: int, keep: bool = True, reverse: bool = False) -> int:
        """Forget the last blocks; the head's number."""
        self._dev_chain.orphan(blocks, keep=keep, reverse=reverse)
        return self._dev_chain.chain.head_number

    def fault(self, fault: dict[str, Any]) -> None:
        """Let a fault happen: {"on": method, "do": …, "times": 1, "seconds": 0, "error": …}."""
        self._dev_chain.faults.add(Fault(**{**fault, "do": Do(fault["do"])}))

    def clear_faults(self) -> None:
        """Behave again."""
        self._dev_chain.faults.clear()

    def parameters(self, changes: dict[str, Any]) -> None:
        """Change chain parameters by name."""
        self._dev_chain.change_parameters(**changes)

    def set_chain_id(self, chain_id: str) -> None:
        """Be another chain from now on."""
        self._dev_chain.chain.chain_id = chain_id

    def set_basic_fee(self, satoshi: int) -> None:
        """Let an account cost something else."""
        self._put("numbers", "basic_fee", satoshi)

    def set_balance(self, name: str, satoshi: int) -> None:
        """Give the account another balance."""
        self._put("balances", self._dev_chain.chain.state.ids[name], satoshi)

    def set_member(self, name: str, member: bool) -> None:
        """Make the account a lifetime member, or none."""
        self._change(name, membership_expiration_date=FOREVER if member else NEVER)

    def set_key(self, name: str, public_key: str) -> None:
        """Give the account another active key."""
        self._change(name, active=authority(public_key))

    def register(self, name: str, public_key: str) -> str:
        """An account registered by somebody else; its id. It comes into no block."""
        state = self._dev_chain.chain.state
        keys = (authority(public_key), authority(public_key), public_key)
        account_id = state.add_account(new_account(name, keys, registrar="1.2.0", referrer="1.2.0"))
        self._dev_chain.chain.settle()
        return account_id

    def disconnect(self) -> None:
        """Drop every connection."""
        self._dev_chain.disconnect()

    def _change(self, name: str, **changes: Any) -> None:
        state = self._dev_chain.chain.state
        account_id = state.ids[name]
        self._put("accounts", account_id, {**state.accounts[account_id], **changes})

    def _put(self, table: str, key: str, value: Any) -> None:
        state = self._dev_chain.chain.state
        state.put(getattr(state, table), key, value)
        self._dev_chain.chain.settle()
