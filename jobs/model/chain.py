"""What the chain's owner publishes of the chain, and what is pinned of it."""

from dataclasses import dataclass

import msgspec


class ReferrerAnswer(msgspec.Struct, frozen=True):
    """Whom a registration would name as its referrer now, and how its fee is reckoned."""

    name: str
    account_id: str
    fee: tuple[int, int, int, int]  #: basic, premium, of a kbyte, and their scale: chain.fees.AccountCreateFee


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """What the chain's owner last saw, as the HTTP side shows it; None until it was seen."""

    chain_id: str | None = None
    prefix: str | None = None  #: of public keys, such as PPY
    symbol: str | None = None  #: of the core asset
    precision: int | None = None  #: decimals of the core asset
    reserved_ending: str | None = None  #: that names may not have; None: there is none, or no node was met
    registrar_id: str | None = None
    balance: int | None = None  #: the registrar's, satoshi
    fee: int | None = None  #: of a cheap name of usual length now, satoshi
    transfer_fee: int | None = None  #: of an initial balance now, satoshi
    missing: str | None = None  #: accounts that the configuration names and the chain lacks, for people
    registrar_member: bool | None = None  #: the registrar is a lifetime member
    public_key: str | None = None  #: of the configured key, as this chain writes it
    key_matches: bool | None = None  #: the configured key signs for the registrar
    key_standing: str | None = None  #: how, or why not, for people; None: key_matches says it all
    head_block: int | None = None
    head_time: int | None = None  #: seconds since 1970, chain time
    irreversible_block: int | None = None
    connected: bool = False
    node: str | None = None  #: URL of the node in use, without credentials
    failovers: int = 0
    last_error: str | None = None  #: why no node is in use, for people
    stranger: bool | None = None  #: the node in use is not the operator's own
    waiting: str | None = None  #: why the drain does nothing right now, for people; it passes by itself
    unconfirmed: str | None = None  #: why nothing is taken for final, for people
    unconfirmed_since: int | None = None  #: when that began, milliseconds since 1970, UTC
    premium_fee: int | None = None  #: of a premium name now, satoshi
    assertion_fee: int | None = None  #: that a payment through this node costs besides, satoshi; 0 through an own one
    takes_assertions: bool | None = None  #: the chain lets a transaction assert whom an account id names
    max_fee: int | None = None  #: the ceiling of a registration's fee, satoshi
    max_transfer_fee: int | None = None  #: … of an initial balance's fee
    max_assertion_fee: int | None = None  #: … of an assertion's fee
    budget: int | None = None  #: what may leave the registrar today, satoshi
    names_complete: bool = False  #: the names cache holds every name of the chain
    observed_at: int | None = None  #: when a node showed the registrar's account, milliseconds since 1970, local clock
    read_at: int | None = None  #: when a block was read though the head is further on, likewise
    seen_at: int | None = None  #: milliseconds since 1970, local clock


@dataclass(frozen=True, slots=True)
class Pin:
    """Something that the chain was at first contact."""

    value: str
    agreed: bool  #: an own node or two nodes said so
