"""What the chain is, and the key that signs on it."""

from dataclasses import dataclass
from decimal import Decimal

from chain.keys import PrivateKey, format_public_key
from jobs.nodes.claims import Claims


@dataclass(frozen=True, slots=True)
class ChainProfile:
    """What the chain is, and who signs on it. All but the key comes from the node."""

    chain_id: str
    prefix: str  #: of public keys
    symbol: str  #: of the core asset
    precision: int  #: decimals of the core asset
    key: PrivateKey  #: the registrar's, in memory only
    reserved_ending: str | None  #: that names may not have; None: there is none

    @classmethod
    def of(cls, claims: Claims, key: PrivateKey) -> "ChainProfile":
        """The chain that `claims` describe, with all of CHAIN among them."""
        return cls(
            chain_id=claims["chain_id"],
            prefix=claims["prefix"],
            symbol=claims["symbol"],
            precision=int(claims["precision"]),
            key=key,
            reserved_ending=claims.get("reserved_ending") or None,
        )

    @property
    def public_key(self) -> str:
        """The registrar's public key as this chain writes it."""
        return format_public_key(self.key.public, self.prefix)

    def satoshi(self, amount: Decimal) -> int:
        """`amount` of the core asset as the chain counts it; what it can't express is cut off."""
        return int(amount.scaleb(self.precision))
