"""faucet.py on a machine whose clock is wrong.

The first argument says by how many seconds it is ahead. SIGUSR1 sets it an hour ahead, SIGUSR2 an hour back.
"""

import runpy
import signal
import sys
import time
from pathlib import Path

HOUR = 3600


class Clock:
    """The machine's clock with an offset."""

    def __init__(self, ahead: float) -> None:
        self._right = time.time
        self._ahead = ahead

    def __call__(self) -> float:
        """Seconds since 1970 by the wrong clock."""
        return self._right() + self._ahead

    def set_ahead(self, seconds: float) -> None:
        """Set it, from where it is."""
        self._ahead += seconds


if __name__ == "__main__":
    clock = Clock(float(sys.argv.pop(1)))
    time.time = clock
    signal.signal(signal.SIGUSR1, lambda *_: clock.set_ahead(HOUR))
    signal.signal(signal.SIGUSR2, lambda *_: clock.set_ahead(-HOUR))
    # Every module is imported now and uses this clock.
    runpy.run_path(str(Path(__file__).parents[2] / "faucet.py"), run_name="__main__")
