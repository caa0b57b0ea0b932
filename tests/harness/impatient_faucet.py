"""faucet.py with the ledger's lock timeout, seconds, as the first argument."""

import sys

import faucet
from jobs.ledger.sqlite import engine, file

if __name__ == "__main__":
    engine.LOCK_TIMEOUT = file.OPEN_TIMEOUT = float(sys.argv.pop(1))
    faucet.main()
