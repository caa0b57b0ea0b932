"""A move that is killed by SIGKILL: SOURCE, TARGET, rows in a transaction, and after which report."""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from jobs.ledger.engines import Location
from jobs.ledger.move.mover import move


def location(text: str) -> Location:
    return text if "://" in text else Path(text)


if __name__ == "__main__":
    source, target, batch, last = sys.argv[1:]
    reports = count(1)

    def report(_task: str, _done: int, _total: int) -> None:
        if next(reports) == int(last):
            os.kill(os.getpid(), signal.SIGKILL)

    move(location(source), location(target), report, batch=int(batch))
