"""What one node shows of the chain, as the chain's status."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from chain.authority import MAX_DEPTH, members_of, standing
from chain.node import Account, Head, Node
from jobs.budget import Allowance, Fees, fees_of
from jobs.conditions.sentences import key_standing
from jobs.model.chain import ChainStatus
from jobs.nodes.profile import ChainProfile
from jobs.settings import Settings
from jobs.template import named_accounts

MAX_MEMBERS = 100  #: accounts of one level that are read; a chain allows an authority of some ten

Allow = Callable[[ChainStatus, Fees], Awaitable[Allowance]]

#: The fields of ChainStatus that a node shows; what the faucet itself is at stands in the others.
OBSERVED = (
    "chain_id", "prefix", "symbol", "precision", "reserved_ending", "head_block", "head_time", "missing",
    "registrar_id", "registrar_member", "public_key", "key_matches", "key_standing", "balance", "fee", "premium_fee",
    "transfer_fee", "assertion_fee", "takes_assertions", "max_fee", "max_transfer_fee", "max_assertion_fee", "budget",
)  # fmt: skip


async def observe(
    node: Node,
    settings: Settings,
    profile: ChainProfile,
    accounts: Mapping[str, Account],
    *,
    head: Head,
    own: bool,
    allow: Allow,
) -> ChainStatus:
    """What `node` shows, where it has the chain of `profile`, the `head` and the `accounts` that `settings` name.

    `allow` says what may be spent then. Without a registrar nothing about money is known. Raises LinkError, Refused,
    and what `allow` raises.
    """
    members = await read_members(node, accounts.get(settings.registrar), profile.public_key)
    status = identify(settings, profile, accounts, members, head=head, own=own)
    if status.registrar_id is None:
        return status
    parameters, balance = await asyncio.gather(node.parameters(), node.balance(status.registrar_id))
    fees = fees_of(parameters, profile.prefix, settings)
    status = with_fees(status, fees, balance)
    return with_allowance(status, await allow(status, fees))


async def configured_accounts(node: Node, settings: Settings) -> dict[str, Account]:
    """The accounts that `settings` name, by name, as far as the chain has them. Raises LinkError or Refused."""
    names = sorted(named_accounts(settings))
    accounts = await node.accounts(names)
    return {name: account for name, account in zip(names, accounts, strict=True) if account is not None}


def missing_from(accounts: Mapping[str, Account], settings: Settings) -> str | None:
    """The accounts that `settings` name and the chain lacks, for people; None where all are among `accounts`."""
    return ", ".join(sorted(named_accounts(settings) - accounts.keys())) or None


async def read_members(node: Node, registrar: Account | None, key: str) -> dict[str, Account]:
    """The accounts that may act for the `registrar`, by id, as far as the chain follows them.

    None are read where `key` signs without them. Raises LinkError or Refused.
    """
    members: dict[str, Account] = {}
    if registrar is None or standing(registrar, key, members).signs:
        return members
    level = [registrar]
    for _ in range(MAX_DEPTH):
        ids = [each for each in members_of(level) if each not in members][:MAX_MEMBERS]
        level = await node.accounts_by_id(ids) if ids else []
        members |= {each.id: each for each in level}
    return members


def identify(
    settings: Settings,
    profile: ChainProfile,
    accounts: Mapping[str, Account],
    members: Mapping[str, Account],
    *,
    head: Head,
    own: bool,
) -> ChainStatus:
    """What the chain, its head and the accounts that `settings` name are; nothing of money yet.

    `members` are the accounts that may act for the registrar, by id.
    """
    registrar = accounts.get(settings.registrar)
    found = None if registrar is None else standing(registrar, profile.public_key, members)
    return ChainStatus(
        chain_id=profile.chain_id,
        prefix=profile.prefix,
        symbol=profile.symbol,
        precision=profile.precision,
        reserved_ending=profile.reserved_ending,
        head_block=head.number,
        head_time=head.time,
        stranger=not own,
        missing=missing_from(accounts, settings),
        registrar_id=None if registrar is None else registrar.id,
        registrar_member=None if registrar is None else registrar.lifetime_member,
        public_key=profile.public_key,
        key_matches=None if found is None else found.signs,
        key_standing=None if found is None else key_standing(settings.registrar, profile.public_key, found),
    )


def with_fees(status: ChainStatus, fees: Fees, balance: int) -> ChainStatus:
    """`status` with what a signup costs, and the registrar's `balance`, satoshi."""
    asserts = bool(status.stranger) and fees.takes_assertions
    return replace(
        status,
        balance=balance,
        fee=fees.registration,
        premium_fee=fees.premium,
        transfer_fee=fees.transfer,
        assertion_fee=(fees.assertion or 0) if asserts else 0,
        takes_assertions=fees.takes_assertions,
    )


def with_allowance(status: ChainStatus, allowance: Allowance) -> ChainStatus:
    """`status` with what may be spent."""
    ceilings = allowance.ceilings
    return replace(
        status,
        max_fee=ceilings.registration,
        max_transfer_fee=ceilings.transfer,
        max_assertion_fee=ceilings.assertion,
        budget=allowance.budget,
    )
