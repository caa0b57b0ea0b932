"""Transactions and calls that a node refuses, built for a dev chain."""

from collections.abc import Callable
from typing import Any

from chain.keys import format_public_key
from chain.packing import Operation
from chain.transactions import RefBlock
from devchain import DevChain, DevChainSettings
from devchain.settings import published_key
from tests.harness.dev_chain import PLAIN, REGISTRAR, SETTINGS, new_dev_chain, payment, registration, serving, signed

TAKEN = "lab-56f7f56afe"
NEW = "lab-000000000a"
POOR_KEY = published_key("poor")
POOR = "poor-registrar"
BROADCAST = ("network_broadcast", "broadcast_transaction")

Query = tuple[Any, ...]  #: API, method, arguments
Case = Callable[[DevChain], Query]


def broadcast(dev_chain: DevChain, *operations: Operation, **changes: Any) -> Query:
    return (*BROADCAST, signed(dev_chain.chain, *operations, **changes))


def new(dev_chain: DevChain, name: str = NEW, **changes: Any) -> Operation:
    return registration(dev_chain.chain, name, **changes)


def named(name: str) -> Case:
    return lambda dev_chain: broadcast(dev_chain, new(dev_chain, name))


def name_taken(dev_chain: DevChain) -> Query:
    """It has only its name in common with the existing account."""
    key = dev_chain.chain.settings.genesis["registrar_key"]
    return broadcast(dev_chain, new(dev_chain, TAKEN, memo_key=key))


def name_taken_while_pending(dev_chain: DevChain) -> Query:
    dev_chain.chain.push(signed(dev_chain.chain, new(dev_chain)))
    return broadcast(dev_chain, new(dev_chain), expires=59)


def expired(dev_chain: DevChain) -> Query:
    return broadcast(dev_chain, new(dev_chain), expires=-1)


def known_while_pending(dev_chain: DevChain) -> Query:
    query = broadcast(dev_chain, new(dev_chain))
    dev_chain.chain.push(query[2])
    return query


def known_in_a_block(dev_chain: DevChain) -> Query:
    query = known_while_pending(dev_chain)
    dev_chain.produce()
    return query


def resent_when_expired(dev_chain: DevChain) -> Query:
    query = broadcast(dev_chain, new(dev_chain), expires=1)
    dev_chain.chain.push(query[2])
    dev_chain.control.produce(2)
    return query


def without(dev_chain: DevChain, *fields: str, **changes: Any) -> Query:
    """A transaction with missing or changed members."""
    body = signed(dev_chain.chain, new(dev_chain))
    return (*BROADCAST, {**{key: value for key, value in body.items() if key not in fields}, **changes})


def two_signatures(dev_chain: DevChain) -> Query:
    body = signed(dev_chain.chain, new(dev_chain))
    other = signed(dev_chain.chain, new(dev_chain), key=published_key("stranger"))
    return (*BROADCAST, {**body, "signatures": body["signatures"] + other["signatures"]})


def duplicate_signature(dev_chain: DevChain) -> Query:
    body = signed(dev_chain.chain, new(dev_chain))
    return (*BROADCAST, {**body, "signatures": body["signatures"] * 2})


def by_poor_registrar(dev_chain: DevChain) -> Query:
    poor = dev_chain.chain.state.ids[POOR]
    return broadcast(dev_chain, new(dev_chain, registrar=poor), key=POOR_KEY)


def poor_transfer(dev_chain: DevChain) -> Query:
    poor = dev_chain.chain.state.ids[POOR]
    return broadcast(dev_chain, payment(dev_chain.chain, 5, sender=poor, receiver=REGISTRAR), key=POOR_KEY)


def by_plain_account(dev_chain: DevChain) -> Query:
    return broadcast(dev_chain, new(dev_chain, registrar=PLAIN), key=published_key("plain-account1"))


def with_memo_key(text: str) -> Case:
    """A registration with `text` for a key."""

    def case(dev_chain: DevChain) -> Query:
        body = signed(dev_chain.chain, new(dev_chain))
        body["operations"][0][1]["options"]["memo_key"] = text
        return (*BROADCAST, body)

    return case


def unknown_operation(dev_chain: DevChain) -> Query:
    body = signed(dev_chain.chain, new(dev_chain))
    body["operations"][0][0] = 200
    return (*BROADCAST, body)


def foreign_prefix(dev_chain: DevChain) -> Query:
    prefix = dev_chain.chain.settings.prefix
    body = signed(dev_chain.chain, new(dev_chain, memo_key=format_public_key(POOR_KEY.public, prefix)))
    body["operations"][0][1]["options"]["memo_key"] = format_public_key(POOR_KEY.public, "FOREIGN")
    return (*BROADCAST, body)


def unknown_reference(number: int) -> Case:
    return lambda dev_chain: broadcast(dev_chain, new(dev_chain), ref_block=RefBlock(number, "00" * 4 + "77" * 16))


def other_fee(name: str, fee: int) -> Case:
    return lambda dev_chain: broadcast(dev_chain, new(dev_chain, name, fee=fee))


def query(*call: Any) -> Case:
    return lambda _: call


def prepared(settings: DevChainSettings) -> DevChain:
    """A chain with a taken name and a registrar that never had a balance."""
    dev_chain = new_dev_chain(settings)
    dev_chain.chain.push(signed(dev_chain.chain, new(dev_chain, TAKEN)))
    dev_chain.control.register(POOR, format_public_key(POOR_KEY.public, settings.prefix))
    dev_chain.produce()
    dev_chain.control.set_member(POOR, member=True)
    return dev_chain


async def reply_to(case: Case, settings: DevChainSettings = SETTINGS) -> dict[str, Any]:
    """What a chain with `settings` answers."""
    dev_chain = prepared(settings)
    async with serving(dev_chain) as client:
        return await client.ask(*case(dev_chain))
