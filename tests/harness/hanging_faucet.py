"""faucet.py with processes that hang on demand, and a supervisor that notices it ten times as soon.

A process hangs in a busy loop on SIGUSR1, in a call that blocks on SIGUSR2. Of one that is stopped (SIGSTOP) it takes
1.5 seconds instead of 15.
"""

import signal
import sys
import time
from pathlib import Path
from types import FrameType

import faucet
from commands import heartbeat, serve


def loop(_number: int, _frame: FrameType | None) -> None:
    while True:
        pass


def block(_number: int, _frame: FrameType | None) -> None:
    time.sleep(1000)


if __name__ == "__main__":
    serve.PROGRAM = Path(__file__)
    # Workers find the packages as this process did.
    sys.path.insert(0, str(Path(__file__).parents[2]))
    heartbeat.INTERVAL = 0.1
    signal.signal(signal.SIGUSR1, loop)
    signal.signal(signal.SIGUSR2, block)
    faucet.main()
