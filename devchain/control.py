"""Steering a dev chain: blocks on demand, forks, faults, and what other people do on a chain."""

from typing import Any, Protocol

import msgspec

from chain.transactions import RefBlock, account_create, sign, with_fee
from devchain.blocks import Block, Chain
from devchain.faults import Fault, Faults
from devchain.operations import read_to_price
from devchain.settings import REFERRER, published_key

EXPIRES_AFTER = 60  #: seconds


class Controllable(Protocol):
    """What the control API needs of a dev chain."""

    stalled: bool
    faults: Faults

    @property
    def chain(self) -> Chain:
        """The chain, without sockets and files."""
        ...

    def produce(self) -> Block:
        """Make a block and announce it."""
        ...

    def orphan(self, blocks: int, *, keep: bool = True, reverse: bool = False) -> None:
        """Drop the newest `blocks` blocks."""
        ...

    def override(self, name: str, *arguments: Any) -> None:
        """Apply the override `name` of `overrides.OVERRIDES`."""
        ...

    def disconnect(self) -> None:
        """Drop every connection."""
        ...


class TestControl:
    """The API `devchain`, open only on a chain that was started with faults allowed. Public methods are the calls."""

    def __init__(self, dev_chain: Controllable) -> None:
        self._dev_chain = dev_chain

    def produce(self, blocks: int = 1) -> int:
        """Make blocks now; the head's number."""
        for _ in range(blocks):
            self._dev_chain.produce()
        return self._dev_chain.chain.head_number

    def stall(self, stalled: bool) -> None:
        """Make no blocks by the clock, or make them again."""
        self._dev_chain.stalled = stalled

    def orphan(self, blocks: int, keep: bool = True, reverse: bool = False) -> int:
        """Forget the last blocks, as `Chain.orphan` does; the head's number."""
        self._dev_chain.orphan(blocks, keep=keep, reverse=reverse)
        return self._dev_chain.chain.head_number

    def fault(self, fault: Fault) -> None:
        """Let a fault happen."""
        self._dev_chain.faults.add(fault)

    def clear_faults(self) -> None:
        """Behave again."""
        self._dev_chain.faults.clear()

    def disconnect(self) -> None:
        """Drop every connection, this one too."""
        self._dev_chain.disconnect()

    def set_chain_id(self, chain_id: str) -> None:
        """Be another chain from now on."""
        self._dev_chain.chain.chain_id = chain_id

    def set_head_age(self, seconds: int) -> None:
        """Show the head as so much older than it is."""
        self._dev_chain.chain.staleness = seconds

    def set_parameters(self, changes: dict[str, Any]) -> None:
        """Change chain parameters by name."""
        self._dev_chain.override("set_parameters", changes)

    def set_basic_fee(self, satoshi: int) -> None:
        """Let the next account cost something else."""
        self.set_parameters({"basic_fee": satoshi})

    def set_balance(self, name: str, satoshi: int) -> None:
        """Give the account another balance."""
        self._dev_chain.override("set_balance", name, satoshi)

    def set_member(self, name: str, member: bool) -> None:
        """Make the account a lifetime member, or none."""
        self._dev_chain.override("set_member", name, member)

    def set_key(self, name: str, public_key: str) -> None:
        """Let only another key sign for the account."""
        self._dev_chain.override("set_key", name, public_key)

    def register(self, name: str, public_key: str) -> str:
        """Somebody else registers an account: `referrer` does, by a transaction like any other; the account's id."""
        chain = self._dev_chain.chain
        registrar = chain.state.ids[REFERRER]
        operation = account_create(
            registrar=registrar,
            referrer=registrar,
            referrer_percent=0,
            name=name,
            owner_key=public_key,
            active_key=public_key,
            memo_key=public_key,
        )
        fee = chain.evaluator.required_fee(read_to_price(operation, chain.settings.prefix))
        signed = sign(
            [with_fee(operation, fee)],
            ref_block=RefBlock(chain.head_number, chain.head_id),
            expiration=chain.head_time + EXPIRES_AFTER,
            chain_id=chain.chain_id,
            prefix=chain.settings.prefix,
            key=published_key(REFERRER),
        )
        return str(chain.push(msgspec.json.decode(signed.body)).results[0][1])
