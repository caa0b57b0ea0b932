"""faucet.py that waits for a locked ledger for only so many seconds as the first argument says."""

import sys

import faucet
from jobs.ledger import database

if __name__ == "__main__":
    database.BUSY_TIMEOUT = float(sys.argv.pop(1))
    faucet.main()
