"""Settings and parameters of a dev chain."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chain.keys import PrivateKey, format_public_key
from chain.names import name_problem
from devchain.flavours import Flavour

REFERRER = "referrer"  #: the second lifetime member
PLAIN_ACCOUNT = "plain-account1"  #: no member

MAX_PREDICATE_OPCODE = 2  #: account names and asset symbols can be asserted, block ids (number 2) can't


def published_key(role: str) -> PrivateKey:
    """The key of the dev chain's account `role`. Anybody can compute it: it guards nothing."""
    return PrivateKey(hashlib.sha256(f"dev chain {role}".encode()).digest())


@dataclass(frozen=True, slots=True)
class ChainParameters:
    """What a real chain's committee sets; amounts in satoshi, sizes in bytes, times in seconds."""

    basic_fee: int = 500_000
    premium_fee: int = 200_000_000
    price_per_kbyte: int = 100_000
    transfer_fee: int = 2_000_000
    transfer_price_per_kbyte: int = 1_000_000
    assert_fee: int = 100_000  #: for each predicate
    fee_scale: int = 10_000
    accounts_per_fee_scale: int = 1000
    account_fee_scale_bitshifts: int = 0
    maximum_transaction_size: int = 99_999
    enforce_transaction_size: bool = True  #: as later node versions do; Peerplays 1.5 does not
    maximum_block_size: int = 1_228_800_000
    maximum_time_until_expiration: int = 86_400
    maintenance_interval: int = 86_400
    maximum_authority_membership: int = 10  #: keys and accounts in one authority
    max_authority_depth: int = 2  #: accounts that may stand for accounts that stand for …
    max_predicate_opcode: int = 1  #: predicates of this number and above are refused

    def __post_init__(self) -> None:
        """Raises ValueError for what would stop the chain."""
        if self.accounts_per_fee_scale < 1 or self.maintenance_interval < 1:
            raise ValueError("accounts_per_fee_scale and maintenance_interval must be at least 1")
        if not 0 <= self.max_predicate_opcode <= MAX_PREDICATE_OPCODE:
            text = f"max_predicate_opcode must be 0 to {MAX_PREDICATE_OPCODE}: block ids can't be asserted here"
            raise ValueError(text)


@dataclass(frozen=True, slots=True)
class DevChainSettings:
    """Everything that can be configured."""

    host: str = "127.0.0.1"
    port: int = 0  #: 0 is any free one
    data: Path | None = None  #: the journal; None keeps the chain in memory
    read_only: bool = False  #: whether the journal is only read: what happens afterwards is kept in memory
    block_interval: float = 1.0  #: seconds between blocks; 0 makes none but on demand
    irreversible_lag: int = 8  #: blocks that the last irreversible one trails the head by
    faults: bool = False  #: whether clients may steer the chain and inject faults
    chain_id: str | None = None  #: 64 hex digits; None makes one
    flavour: Flavour = Flavour.PEERPLAYS  #: the chain that it behaves like
    symbol: str = ""  #: of the core asset; without one, the flavour's
    prefix: str = ""  #: of public keys; the same
    precision: int = 5
    registrar: str = "faucet"
    registrar_key: PrivateKey = field(default_factory=lambda: published_key("registrar"))
    registrar_balance: int = 10_000_000 * 10**5  #: satoshi
    parameters: ChainParameters = field(default_factory=ChainParameters)

    def __post_init__(self) -> None:
        """Raises ValueError for what can't be a chain."""
        for name in ("symbol", "prefix"):
            object.__setattr__(self, name, getattr(self, name) or self.flavour.traits.symbol)
        if self.block_interval < 0 or self.irreversible_lag < 0:
            raise ValueError("block_interval and irreversible_lag can't be negative")
        traits = self.flavour.traits
        reserved = {*traits.first_accounts, REFERRER, PLAIN_ACCOUNT}
        if self.registrar in reserved or name_problem(self.registrar, traits.reserved_ending):
            raise ValueError(f"{self.registrar} can't be the name of the dev chain's registrar")
        if self.chain_id is not None and len(bytes.fromhex(self.chain_id)) != 32:
            raise ValueError("a chain id has 64 hex digits")

    @property
    def genesis(self) -> dict[str, Any]:
        """The genesis: a file can only be resumed with the same one."""
        return {
            "flavour": self.flavour,
            "symbol": self.symbol,
            "prefix": self.prefix,
            "precision": self.precision,
            "registrar": self.registrar,
            "registrar_key": format_public_key(self.registrar_key.public, self.prefix),
            "registrar_balance": self.registrar_balance,
        }


def read_parameters(assignments: Iterable[str]) -> ChainParameters:
    """Chain parameters with changes such as `basic_fee=5`. Raises ValueError that names a wrong one."""
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, _, number = assignment.partition("=")
        if name not in ChainParameters.__dataclass_fields__ or not number.isdecimal():
            raise ValueError(f"{assignment}: must be a parameter's name, '=' and a whole number")
        changes[name] = int(number)
    return ChainParameters(**changes)
