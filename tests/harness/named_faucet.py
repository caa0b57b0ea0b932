"""faucet.py on a machine whose resolver knows some more names: JSON, the first argument, as `names.Names`."""

import json
import runpy
import socket
import sys
from pathlib import Path

from tests.harness.names import known_as

if __name__ == "__main__":
    socket.getaddrinfo = known_as(json.loads(sys.argv.pop(1)))
    runpy.run_path(str(Path(__file__).parents[2] / "faucet.py"), run_name="__main__")
