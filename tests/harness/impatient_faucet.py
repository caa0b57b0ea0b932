"""faucet.py that waits for a locked ledger for only so many seconds as the first argument says."""

import sys

import faucet
from jobs.ledger.sqlite import engine, file

if __name__ == "__main__":
    engine.LOCK_TIMEOUT = file.OPEN_TIMEOUT = float(sys.argv.pop(1))
    faucet.main()
