"""The predecessor's way to an account, signup by signup: `python -m bench.predecessor URL CHAIN_ID COUNT`.

For each a connection of its own, then whether the name is free, the registrar, the referrer, the account, the balance.
Prints the seconds that all took.
"""

import sys
import time

from graphenebase.ecdsa import SECP256K1_MODULE
from peerplays import PeerPlays
from peerplays.account import Account
from peerplays.exceptions import AccountDoesNotExistsException
from peerplaysbase.chains import known_chains

from tests.harness.program import PREFIX, REGISTRAR_WIF, keys_of

KEY = keys_of("before")["owner_key"]


def main(url: str, chain_id: str, count: str) -> None:
    """Register so many accounts at the node `url`."""
    if SECP256K1_MODULE != "secp256k1":
        sys.exit("the package's fastest way to sign needs the package secp256k1")
    known_chains["DEV"] = {"chain_id": chain_id, "core_symbol": PREFIX, "prefix": PREFIX}
    began = time.monotonic()
    for number in range(int(count)):
        register(url, f"before-{number}")
    print(time.monotonic() - began)


def register(url: str, name: str) -> None:
    """Register one account, as each request to the predecessor did."""
    chain = PeerPlays(node=[url], keys=[REGISTRAR_WIF], num_retries=1)
    try:
        Account(name, blockchain_instance=chain)
    except AccountDoesNotExistsException:
        pass
    else:
        raise SystemExit(f"{name} exists")
    registrar, referrer = (Account("faucet", blockchain_instance=chain) for _ in range(2))
    ids = {"registrar": registrar["id"], "referrer": referrer["id"]}
    keys = {f"{role}_key": KEY for role in ("owner", "active", "memo")}
    chain.create_account(name, **ids, **keys, referrer_percent=50, storekeys=False)
    Account("faucet", blockchain_instance=chain).balance(PREFIX)


if __name__ == "__main__":
    main(*sys.argv[1:])
