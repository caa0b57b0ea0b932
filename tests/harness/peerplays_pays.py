"""A user of the peerplays package reads a new account's keys, and pays it.

Arguments: the node's URL, its chain id, the registrar's private key, the account's name. Prints JSON.
"""

import json
import sys

from peerplays import PeerPlays
from peerplays.account import Account
from peerplaysbase.chains import known_chains


def main(url: str, chain_id: str, wif: str, name: str) -> None:
    """Use the node at `url`."""
    known_chains["DEV"] = {"chain_id": chain_id, "core_symbol": "TEST", "prefix": "TEST"}
    chain = PeerPlays(node=[url], keys=[wif], num_retries=1, blocking=True)
    chain.transfer(name, 1.5, "TEST", account="faucet")
    account = Account(name, blockchain_instance=chain)
    account_view = {
        "owner_key": account["owner"]["key_auths"][0][0],
        "active_key": account["active"]["key_auths"][0][0],
        "memo_key": account["options"]["memo_key"],
        "balances": [str(balance) for balance in account.balances],
    }
    print(json.dumps(account_view))  # noqa: T201  # the parent reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
