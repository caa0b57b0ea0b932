"""How a dev chain is set up."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from chain.keys import PrivateKey


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
    fee_scale: int = 10_000
    accounts_per_fee_scale: int = 1000
    account_fee_scale_bitshifts: int = 0
    maximum_transaction_size: int = 99_999
    maximum_block_size: int = 1_228_800_000
    maximum_time_until_expiration: int = 86_400
    maintenance_interval: int = 86_400


@dataclass(frozen=True, slots=True)
class DevChainSettings:
    """Everything that can be chosen."""

    host: str = "127.0.0.1"
    port: int = 0  #: 0 is any free one
    data: Path | None = None  #: the journal; None keeps the chain in memory
    block_interval: float = 1.0  #: seconds between blocks; 0 makes none but on demand
    irreversible_lag: int = 8  #: blocks that the last irreversible one trails the head by
    faults: bool = False  #: whether clients may steer the chain and inject faults
    chain_id: str | None = None  #: 64 hex digits; None makes one
    symbol: str = "TEST"
    prefix: str = "TEST"
    precision: int = 5
    registrar: str = "faucet"
    registrar_key: PrivateKey = field(default_factory=lambda: published_key("registrar"))
    registrar_balance: int = 10_000_000 * 10**5  #: satoshi
    parameters: ChainParameters = field(default_factory=ChainParameters)
