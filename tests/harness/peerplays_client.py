"""A user of the peerplays package: reads, transfers, registers; prints the results as JSON.

Arguments: the node's URL, its chain id, the registrar's private key. The package keeps a key store in the home
directory, blocks, and knows only the chains that it lists: so this is a program of its own.
"""

import json
import sys
from itertools import islice
from typing import Any

from peerplays import PeerPlays
from peerplays.account import Account
from peerplays.amount import Amount
from peerplays.block import Block
from peerplays.blockchain import Blockchain
from peerplaysbase.account import PasswordKey
from peerplaysbase.chains import known_chains


def main(url: str, chain_id: str, wif: str) -> None:
    """Use the node at `url`."""
    known_chains["DEV"] = {"chain_id": chain_id, "core_symbol": "TEST", "prefix": "TEST"}
    chain = PeerPlays(node=[url], keys=[wif], num_retries=1, blocking=True)
    print(json.dumps({**reading(chain), **writing(chain)}))  # noqa: T201  # the parent reads it


def reading(chain: Any) -> dict[str, Any]:
    """Accounts, balances and blocks as the package reads them."""
    registrar = Account("faucet", full=True, blockchain_instance=chain)
    plain = Account("1.2.9", blockchain_instance=chain)
    return {
        "registrar": [registrar["id"], registrar.is_ltm, str(registrar.balance("TEST"))],
        "plain": [plain["name"], plain.is_ltm, [str(balance) for balance in plain.balances]],
        "block": Block(1, blockchain_instance=chain)["previous"],
        "head": Blockchain(mode="head", blockchain_instance=chain).get_current_block_num(),
        "names": list(islice(Blockchain(blockchain_instance=chain).get_all_accounts(), 4)),
        "amount": str(Amount("1.5 TEST", blockchain_instance=chain)),
    }


def writing(chain: Any) -> dict[str, Any]:
    """Make a transfer and register an account with a wallet's keys; returns what is then read of both."""
    chain.transfer("plain-account1", 12.5, "TEST", account="faucet")
    chain.create_account("peter-1", registrar="faucet", password="secret", storekeys=False)
    peter = Account("peter-1", blockchain_instance=chain)
    derived = PasswordKey("peter-1", "secret", role="active", prefix="TEST").get_public()
    plain = Account("plain-account1", blockchain_instance=chain)
    history = Account("plain-account1", blockchain_instance=chain).history(limit=1)
    return {
        "paid": [str(balance) for balance in plain.balances],
        "peter": [peter["id"], peter["active"]["key_auths"][0][0] == format(derived, "TEST")],
        "history": [entry["op"][0] for entry in history],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
