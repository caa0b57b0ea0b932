"""What a node says the chain is, and how that differs from what was pinned. Pure, but for the questions."""

from collections.abc import Mapping, Sequence

from chain.node import Node

#: By the name of a pin: chain_id, prefix, symbol, precision, reserved_ending, `account NAME`.
Claims = Mapping[str, str]

_WHAT = {
    "chain_id": "the chain's id",
    "prefix": "the prefix of public keys",
    "symbol": "the symbol of the core asset",
    "precision": "the precision of the core asset",
    "reserved_ending": "the ending that names may not have",
}
CHAIN = frozenset({"chain_id", "prefix", "symbol", "precision"})  #: the pins without which nothing can be signed


async def read_claims(node: Node, names: Sequence[str]) -> dict[str, str]:
    """What `node` says of the chain, and of the accounts `names` that it has. Raises LinkError or Refused."""
    asset = await node.core_asset()
    chain = {
        "chain_id": await node.chain_id(),
        "prefix": await node.prefix(),
        "symbol": asset.symbol,
        "precision": str(asset.precision),
        "reserved_ending": await node.reserved_ending() or "",
    }
    accounts = await node.accounts(names)
    return chain | {
        account_claim(name): account.id for name, account in zip(names, accounts, strict=True) if account is not None
    }


def account_claim(name: str) -> str:
    """What the id of the account `name` is pinned as."""
    return f"account {name}"


def first_difference(pinned: Claims, claims: Claims) -> str | None:
    """Where `claims` say something else than is `pinned`, for people; None where they agree."""
    for name, value in claims.items():
        if name in pinned and pinned[name] != value:
            return _sentence(name, value, pinned[name])
    return None


def _sentence(name: str, value: str, pinned: str) -> str:
    if name == "chain_id":
        return f"is on the chain {value[:8]}…, but the ledger belongs to {pinned[:8]}…"
    what = _WHAT.get(name) or f"the id of the {name}"
    return f"says that {what} is {value or 'none'}; on this chain it is {pinned or 'none'}"
