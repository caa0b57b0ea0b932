"""faucet.py as a user to whom file modes apply: root drops the capability to ignore them."""

import ctypes
import os
import sys
from pathlib import Path

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  #: linux/prctl.h, linux/capability.h

if __name__ == "__main__":
    # Other users may not drop it, and need not.
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
    faucet = str(Path(__file__).parents[2] / "faucet.py")
    os.execv(sys.executable, [sys.executable, "-W", "error", faucet, *sys.argv[1:]])  # noqa: S606  # no shell is meant
