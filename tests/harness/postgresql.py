"""A PostgreSQL of the tests' own: a server for the session, a schema for each folder that a test keeps a ledger in."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import psycopg
import pytest

#: Debian keeps the server out of the path.
FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
USER = "postgres"
#: In memory, what a server confirms costs it nothing: so the tests' own is as fit for a ledger as any other must be.
MEMORY = Path("/dev/shm")  # noqa: S108  # each server makes a folder of its own there
NEEDED = 2**30  #: bytes, of all servers


S = TypeVar("S", bound="Server")


def needs_postgresql() -> Path:
    """The folder of its programs; skips the test where there is none."""
    if FOLDERS:
        return FOLDERS[-1]
    if (found := shutil.which("postgres")) is None:
        pytest.skip("PostgreSQL is not installed")
    return Path(found).resolve().parent


def as_its_user(*command: str | Path, end: str = "INT") -> list[str | Path]:
    """PostgreSQL refuses to run as root. Whatever becomes of the tests, it ends with them."""
    user = [f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *user, "--pdeathsig", end, *command]


class SchemaMaker:
    """What has a database in which each test makes schemas of its own."""

    def __init__(self) -> None:
        self._schemas = itertools.count()

    def url(self, schema: str = "public") -> str:
        """Where a ledger can be."""
        raise NotImplementedError

    def connect(self, schema: str = "public") -> psycopg.Connection:
        """A session of a test's own, with the server that takes writes, or the first that answers."""
        return psycopg.connect(self.url(schema), autocommit=True)

    def new_schema(self) -> str:
        """A schema that nobody has used."""
        schema = f"test_{next(self._schemas)}"
        with self.connect() as session:
            session.execute(f"CREATE SCHEMA {schema}")
        return schema


class Server(SchemaMaker):
    """A server on a socket in a folder of its own."""

    def __init__(self, folder: Path, *settings: str) -> None:
        super().__init__()
        self.folder = folder
        self.folders = [folder]  #: of all servers that may have the database, now or after this one
        self._settings = settings
        self._programs = needs_postgresql()
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        self._make()

    def _make(self) -> None:
        options = ("--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C.UTF-8")
        self.run("initdb", "-D", self.folder / "data", *options)

    def admit(self, network: str) -> None:
        """Let in whoever comes from there; before it is started."""
        with (self.folder / "data/pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network} trust\n")

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run one of PostgreSQL's programs as its user, to its end."""
        command = as_its_user(self._programs / program, *arguments)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    @property
    def pid(self) -> int:
        """Of the process that listens."""
        if self._process is None:
            raise AssertionError("it was not started")
        return self._process.pid

    def start(self) -> None:
        """Serve; returns when it answers."""
        self.launch()
        self.wait_until_it_answers()

    def launch(self) -> None:
        """Start it."""
        options = [part for setting in ("listen_addresses=", *self._settings) for part in ("-c", setting)]
        command = as_its_user(self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *options)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")

    def wait_until_it_answers(self) -> None:
        """Return when it does."""
        while not self._answers():
            """Asking is the waiting."""

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text())
        try:
            psycopg.connect(self._url("public", self.folder)).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it, and wait for that; SIGINT ends its sessions in order."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def crash(self) -> None:
        """Kill all its processes at once, and start it again."""
        self.kill()
        self.start()

    def kill(self) -> None:
        """Kill all its processes at once; returns when it can be started again."""
        children = self.children()
        os.kill(self.pid, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.stop(signal.SIGKILL)
        while any(runs(child) for child in children):
            """Its memory is in use until they have ended."""

    def lose(self, process: int) -> None:
        """Kill the process of one session: the server ends all the others, and recovers by itself."""
        os.kill(process, signal.SIGKILL)
        while process in self.children() or not self._answers():
            """Asking is the waiting."""

    def end(self, process: int) -> None:
        """End one session, and leave the others alone."""
        with self.connect() as session:
            session.execute("SELECT pg_terminate_backend(%s, 5000)", (process,))

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let all its processes stand still during the block: connections are taken by the system, nothing answers."""
        stopped = [self.pid]
        try:
            os.kill(self.pid, signal.SIGSTOP)  # first: so it starts no others
            for child in self.children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGSTOP)
                    stopped.append(child)
            yield
        finally:
            for process in stopped:
                with contextlib.suppress(ProcessLookupError):  # it had ended, and the first one has seen that now
                    os.kill(process, signal.SIGCONT)

    def children(self) -> list[int]:
        """The processes that it started."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def url(self, schema: str = "public") -> str:
        """Where a ledger can be."""
        return self._url(schema, *self.folders)

    def _url(self, schema: str, *folders: Path) -> str:
        hosts = ",".join(quote(str(folder), safe="") for folder in folders)
        return f"postgresql://{USER}@/{USER}?host={hosts}&options=-csearch_path%3D{schema}"

    def drop_schema(self, schema: str) -> None:
        """Delete all that is in it."""
        with self.connect() as session:
            session.execute("SET client_min_messages = error")
            session.execute(f"DROP SCHEMA {schema} CASCADE")


def runs(process: int) -> bool:
    """Whether it runs: what has ended may wait for its parent to ask how."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


@contextlib.contextmanager
def serving(*settings: str, admitted: str | None = None) -> Iterator[Server]:
    """A server that ends with the block; whoever is in the network `admitted` may come by an address of its."""
    with new_folder() as folder:
        server = Server(folder, *settings)
        if admitted is not None:
            server.admit(admitted)
        with started(server):
            yield server


@contextlib.contextmanager
def started(server: S) -> Iterator[S]:
    """`server`, which serves until the block ends."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def new_folder() -> Iterator[Path]:
    """A folder for a server, until the block ends."""
    # Not the test's own: its path is too long for a socket, and not open to PostgreSQL's user.
    parent = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > NEEDED else None
    with tempfile.TemporaryDirectory(prefix="faucet-pg-", dir=parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
