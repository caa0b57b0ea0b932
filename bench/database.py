"""A PostgreSQL of the bench's own, on the disk that the files of the other ledgers are on, as it comes."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.harness.postgresql import Server


@contextlib.contextmanager
def postgresql() -> Iterator[Server]:
    """A server that ends with the block, and its folder with it. It confirms nothing before that is on disk."""
    # A folder of its own: that of the bench is not open to PostgreSQL's user.
    with tempfile.TemporaryDirectory(prefix="bench-pg-", ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
