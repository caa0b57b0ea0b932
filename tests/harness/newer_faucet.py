"""faucet.py as a later release: it brings a ledger in PostgreSQL to the version after this program's.

The first argument is the folder of its migrations; the rest is the command line of faucet.py.
"""

import sys
from pathlib import Path

import faucet
from jobs.ledger.postgresql import database

if __name__ == "__main__":
    # Read before the engine is imported, which happens where a ledger is in a database.
    vars(database).update(CURRENT=database.CURRENT + 1, MIGRATIONS_FOLDER=Path(sys.argv.pop(1)))
    faucet.main()
