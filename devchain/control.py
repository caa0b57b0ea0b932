"""The control API: blocks on demand, forks, faults, state overrides, and other people's registrations."""

from typing import Any, Protocol

import msgspec

from chain.transactions import RefBlock, account_create, sign, with_fee
from devchain.applied import Block
from devchain.blocks import Chain
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
    """The API `devchain`, open only on a chain started with `faults`. Public methods are the calls."""

    def __init__(self, dev_chain: Controllable) -> None:
        self._dev_chain = dev_chain

    def produce(self, blocks: int = 1) -> int:
        """Produce blocks now; returns the head number."""
        for _ in range(blocks):
            self._dev_chain.produce()
        return self._dev_chain.chain.head_number

    def stall(self, stalled: bool) -> None:
        """Stop or resume producing blocks by the clock."""
        self._dev_chain.stalled = stalled

    def orphan(self, blocks: int, keep: bool = True, reverse: bool = False) -> int:
        """Drop the newest blocks, as `Chain.orphan` does; returns the head number."""
        self._dev_chain.orphan(blocks, keep=keep, reverse=reverse)
        return self._dev_chain.chain.head_number

    def fault(self, fault: Fault) -> None:
        """Queue a fault."""
        self._dev_chain.faults.add(fault)

    def clear_faults(self) -> None:
        """Drop all queued faults."""
        self._dev_chain.faults.clear()

    def disconnect(self) -> None:
        """Drop every connection, including this one."""
        self._dev_chain.disconnect()

    def set_chain_id(self, chain_id: str) -> None:
        """Report another chain id from now on."""
        self._dev_chain.chain.chain_id = chain_id

    def set_head_age(self, seconds: int) -> None:
        """Report a head time that lags by `seconds`."""
        self._dev_chain.chain.staleness = seconds

    def set_parameters(self, changes: dict[str, Any]) -> None:
        """Change chain parameters by name."""
        self._dev_chain.override("set_parameters", changes)

    def set_basic_fee(self, satoshi: int) -> None:
        """Set the basic fee of the next account."""
        self.set_parameters({"basic_fee": satoshi})

    def set_balance(self, name: str, satoshi: int) -> None:
        """Set the account's balance of the core asset."""
        self._dev_chain.override("set_balance", name, satoshi)

    def set_member(self, name: str, member: bool) -> None:
        """Grant the account lifetime membership, or revoke it."""
        self._dev_chain.override("set_member", name, member)

    def set_key(self, name: str, public_key: str) -> None:
        """Replace the account's owner and active authority by one key."""
        self._dev_chain.override("set_key", name, public_key)

    def set_authority(self, name: str, role: str, changed: dict[str, Any]) -> None:
        """Replace the account's authority `role`, owner or active, by `changed`, as nodes show one."""
        self._dev_chain.override("set_authority", name, role, changed)

    def register(self, name: str, public_key: str) -> str:
        """Register an account by a transaction of `referrer`, as another faucet would; returns the account id."""
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
