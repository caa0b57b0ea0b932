"""What a node shows of the chain, as the HTTP side shows it."""

from typing import Any

from chain.connection import Peer
from chain.node import Head, Node
from jobs.drain.allowance import Allowances
from jobs.drain.context import PREMIUM, assertion_fee, price, takes_assertions
from jobs.nodes.fitness import Fitness
from jobs.settings import Settings


async def observe(
    node: Node, head: Head, peer: Peer, *, settings: Settings, fitness: Fitness, allowances: Allowances
) -> dict[str, Any]:
    """Fields of ChainStatus, as the node at `peer` says, bounded by what is pinned.

    Raises LinkError, Refused, UnfitNode where it contradicts that, or FaucetError without a ledger.
    """
    parameters, (registrar,) = await node.parameters(), await node.accounts([settings.registrar])
    profile = fitness.profile
    if registrar is None or profile is None:
        return {
            "head_block": head.number, "head_time": head.time,
            **dict.fromkeys(("registrar_id", "balance", "registrar_member", "key_matches")),
        }  # fmt: skip
    registrar_id = (await fitness.account_ids({registrar.name: registrar}, peer))[registrar.name]
    balance = await node.balance(registrar_id)
    allowance = await allowances.now(profile, parameters, registrar_id=registrar_id, balance=balance)
    asserts = not fitness.is_own(peer) and takes_assertions(parameters)
    return {
        "chain_id": profile.chain_id,
        "prefix": profile.prefix,
        "symbol": profile.symbol,
        "precision": profile.precision,
        "reserved_ending": fitness.reserved_ending,
        "head_block": head.number,
        "head_time": head.time,
        "registrar_id": registrar_id,
        "balance": balance,
        "registrar_member": registrar.lifetime_member,
        "key_matches": profile.public_key in registrar.signing_keys,
        "fee": price(parameters, profile.prefix, settings),
        "premium_fee": price(parameters, profile.prefix, settings, PREMIUM),
        "transfer_fee": parameters.transfer.required(),
        "assertion_fee": assertion_fee(parameters) if asserts else 0,
        "max_fee": allowance.ceilings.registration,
        "budget": allowance.budget,
    }
