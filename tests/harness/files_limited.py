"""faucet.py with the limits of open files that the first argument says: SOFT:HARD."""

import os
import resource
import sys
from pathlib import Path

if __name__ == "__main__":
    soft, hard = map(int, sys.argv[1].split(":"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    faucet = str(Path(__file__).parents[2] / "faucet.py")
    os.execv(sys.executable, [sys.executable, "-W", "error", faucet, *sys.argv[2:]])  # noqa: S606  # no shell is meant
