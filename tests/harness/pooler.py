"""PgBouncer in front of a PostgreSQL of the tests: clients share its few sessions, a transaction each."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness.postgresql import USER, Server, as_its_user, new_folder

PORT = 6432  #: names its socket, in a folder of its own
SESSIONS = 5  #: of the server's, for all clients

CONFIGURATION = """
[databases]
* = host={server}

[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = {port}
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {sessions}
server_login_retry = 1
logfile = {folder}/log
"""


class Pooler:
    """A PgBouncer on a socket in a folder of its own."""

    def __init__(self, folder: Path, server: Server) -> None:
        self._program = needs_pgbouncer()
        self._server = server
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        configuration = CONFIGURATION.format(server=server.folder, folder=folder, port=PORT, sessions=SESSIONS)
        (folder / "pgbouncer.ini").write_text(configuration)
        (folder / "users").write_text(f'"{USER}" ""\n')
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, USER)
        self._numbers = itertools.count()

    def url(self, schema: str = USER) -> str:
        """Where a ledger can be: a pooler takes no options of a session, so each schema is in a database of its own."""
        return f"postgresql://{USER}@/{schema}?host={self.folder}&port={PORT}"

    def connect(self, schema: str) -> psycopg.Connection:
        """A session of a test's own, past the pooler."""
        return psycopg.connect(f"postgresql://{USER}@/{schema}?host={self._server.folder}", autocommit=True)

    def new_schema(self) -> str:
        """A database that nobody has used."""
        schema = f"pooled_{next(self._numbers)}"
        with self._server.connect() as session:
            session.execute(f"CREATE DATABASE {schema}")
        return schema

    def drop_schema(self, schema: str) -> None:
        """Delete all that is in it."""
        with self._server.connect() as session:
            session.execute(f"DROP DATABASE {schema} WITH (FORCE)")

    def start(self) -> None:
        """Serve; returns when it answers."""
        command = as_its_user(self._program, "--quiet", self.folder / "pgbouncer.ini", end="TERM")
        self._process = subprocess.Popen(command, cwd="/")
        while not self._answers():
            if self._process.poll() is not None:
                raise AssertionError((self.folder / "log").read_text())

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url()).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, and wait for that."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None


def needs_pgbouncer() -> str:
    """The program; skips the test where there is none."""
    if (found := shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")) is None:
        pytest.skip("PgBouncer is not installed")
    return found


@contextlib.contextmanager
def pooling(server: Server) -> Iterator[Pooler]:
    """A pooler in front of `server`, that ends with the block."""
    with new_folder() as folder:
        pooler = Pooler(folder, server)
        try:
            pooler.start()
            yield pooler
        finally:
            pooler.stop()
