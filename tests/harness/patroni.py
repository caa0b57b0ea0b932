"""Two PostgreSQL servers under Patroni, with etcd, configured as in deploy/machines: each on a machine of its own.

Such a machine is a namespace of process ids. Whoever kills its first process kills all of it at once, like a loss of
power; so it ends with the tests too, whatever happens to them.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
import yaml

from tests.harness.documents import free_port
from tests.harness.nginx import DEPLOY, needs
from tests.harness.postgresql import USER, SchemaMaker, needs_postgresql, new_folder, runs

MACHINES = DEPLOY / "machines"
PASSWORD = "secret"  # everybody's, on this computer
#: Seconds. Patroni wants its lease to last longer than a look at it and two attempts.
QUICK = {"ttl": 6, "loop_wait": 1, "retry_timeout": 2}
API_TIMEOUT = 30  #: seconds
RUNNING = ("running", "streaming")  #: states of a server that serves
_IS_ROOT = os.geteuid() == 0
_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc") + (
    () if _IS_ROOT else ("--user", "--map-current-user")
)


def needs_patroni() -> None:
    """Skip the test where a program is missing, or no namespace may be made."""
    needs_postgresql()
    for program in ("etcd", "patroni"):
        needs(program)
    if subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a namespace of process ids is not supported")


def _isolated(*command: str | Path) -> list[str | Path]:
    """`command` in a namespace of its own, as a user whom PostgreSQL accepts."""
    user = [f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if _IS_ROOT else []
    # A change of user resets the signal that is sent when the parent dies, so it is set again.
    return ["setpriv", "--pdeathsig", "KILL", *_NAMESPACE, "setpriv", *user, "--pdeathsig", "KILL", *command]


def _children(process: int) -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _ask(port: int, path: str, method: str = "GET", body: Any = None) -> tuple[int, bytes] | None:
    """Status and body of a reply; None where nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=API_TIMEOUT)
    try:
        connection.request(method, path, None if body is None else msgspec.json.encode(body))
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


class Isolated:
    """A program in a namespace of its own."""

    def __init__(self, folder: Path, name: str, *command: str | Path, **environment: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                _isolated(*self._command), stdout=log, stderr=log, cwd="/", env=self._environment
            )

    def check(self) -> None:
        """Raise AssertionError if it ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(self.log.read_text())

    @property
    def processes(self) -> list[int]:
        """The first process of its namespace, and the children of that."""
        first = _children(self._process.pid) if self._process is not None else []
        return first + [child for process in first for child in _children(process)]

    def kill(self) -> None:
        """Kill all its processes at once."""
        if self._process is not None:
            inside = self.processes
            self._process.kill()
            self._process.wait()
            self._process = None
            while any(runs(process) for process in inside):
                """The system ends them by and by."""


class Database(Isolated):
    """A PostgreSQL under Patroni."""

    def __init__(self, folder: Path, name: str, etcd: int, dcs: dict[str, Any]) -> None:
        self.port, self.api = free_port(), free_port()
        self._place = folder / name
        self._place.mkdir()
        if _IS_ROOT:
            shutil.chown(self._place, USER)
        self.config = folder / f"{name}.yaml"
        self.config.write_text(yaml.safe_dump(self._config(name, etcd, dcs)))
        super().__init__(folder, name, "patroni", self.config, **_passwords(), PYTHONUNBUFFERED="1")

    def _config(self, name: str, etcd: int, dcs: dict[str, Any]) -> dict[str, Any]:
        """That of deploy/, but for places and times."""
        config: dict[str, Any] = yaml.safe_load((MACHINES / "patroni.yaml").read_text())
        config |= {"name": name, "etcd3": {"hosts": [f"127.0.0.1:{etcd}"]}}
        config["restapi"] = dict.fromkeys(("listen", "connect_address"), f"127.0.0.1:{self.api}")
        config["bootstrap"]["dcs"] |= dcs
        config["bootstrap"]["post_bootstrap"] = str(MACHINES / "make-ledger")
        config["postgresql"] |= {
            **dict.fromkeys(("listen", "connect_address"), f"127.0.0.1:{self.port}"),
            "data_dir": str(self._place / "data"), "bin_dir": str(needs_postgresql()),
            "pgpass": str(self._place / "pgpass"),
        }  # fmt: skip
        config["postgresql"]["parameters"]["unix_socket_directories"] = str(self._place)
        return config

    def roles(self) -> dict[str, str]:
        """The role of each server that runs, by its name, as this one's Patroni says; empty if it does not answer."""
        reply = _ask(self.api, "/cluster")
        members = [] if reply is None else msgspec.json.decode(reply[1])["members"]
        return {member["name"]: member["role"] for member in members if member["state"] in RUNNING}

    def is_primary(self) -> bool:
        """Whether it takes writes."""
        reply = _ask(self.api, "/primary")
        return reply is not None and reply[0] == 200

    def metrics(self) -> str:
        """What Patroni tells Prometheus."""
        reply = _ask(self.api, "/metrics")
        assert reply is not None
        return reply[1].decode()

    def kill_server(self) -> None:
        """Kill PostgreSQL's first process, and not Patroni, which starts it again."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                if Path(f"/proc/{process}/comm").read_text().strip() == "postgres":
                    os.kill(process, signal.SIGKILL)


def _passwords() -> dict[str, str]:
    users = ("SUPERUSER", "REPLICATION", "REWIND")
    return {**{f"PATRONI_{user}_PASSWORD": PASSWORD for user in users}, "FAUCET_LEDGER_PASSWORD": PASSWORD}


class Cluster(SchemaMaker):
    """Both databases, and the etcd that they agree through."""

    def __init__(self, folder: Path, **dcs: Any) -> None:
        """`dcs` replaces what deploy/ sets for both."""
        port = free_port()
        if _IS_ROOT:
            shutil.chown(folder, USER)
        self._etcd_port = port
        super().__init__()
        self._etcd = Isolated(folder, "etcd", "etcd", *_etcd_options(folder / "etcd", port))
        self.databases = [Database(folder, name, port, {**QUICK, **dcs}) for name in ("db1", "db2")]
        self._passfile = folder / "ledger.pgpass"
        self._passfile.write_text(f"*:*:faucet:faucet:{PASSWORD}\n")
        self._passfile.chmod(0o600)

    def start(self) -> None:
        """Returns when db1 is the primary and db2 its synchronous standby."""
        self._etcd.start()
        self.wait(lambda: _ask(self._etcd_port, "/health") is not None)
        first, second = self.databases
        first.start()
        self.wait(first.is_primary)
        second.start()
        self.whole()

    def stop(self) -> None:
        """Kill everything."""
        for machine in (*self.databases, self._etcd):
            machine.kill()

    def primary(self) -> Database:
        """The one that takes writes, once one does."""
        while True:
            for database in self.databases:
                if database.is_primary():
                    return database
            self._check()

    def whole(self, standby: str = "sync_standby") -> Database:
        """The primary, once the other one is its synchronous standby, or has another role."""
        while True:
            primary = self.primary()
            roles = primary.roles()
            if roles.get(primary.name) == "leader" and standby in roles.values():
                return primary
            self._check()

    def switch_over(self) -> Database:
        """Let the standby take over in order; the new primary."""
        old = self.whole()
        (new,) = (database for database in self.databases if database is not old)
        reply = _ask(old.api, "/switchover", "POST", {"leader": old.name, "candidate": new.name})
        assert reply is not None
        assert reply[0] == 200, reply[1]
        self.wait(new.is_primary)
        return new

    def force(self, candidate: Database) -> None:
        """Promote a server that Patroni would not, as an operator does."""
        command = (
            "patronictl",
            "--config-file",
            candidate.config,
            "failover",
            "--force",
            "--candidate",
            candidate.name,
        )
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        self.wait(candidate.is_primary)

    def configure(self, **dcs: Any) -> None:
        """Change the settings of both."""
        assert _ask(self.primary().api, "/config", "PATCH", dcs) is not None

    def wait(self, condition: Callable[[], bool]) -> None:
        """Return when it holds."""
        while not condition():
            self._check()

    def _check(self) -> None:
        """Asking is the waiting, unless one of them ended by itself."""
        for machine in (self._etcd, *self.databases):
            machine.check()

    def url(self, schema: str = "public") -> str:
        """Where a ledger is: both servers, of which the faucet finds the one that takes writes."""
        hosts = ",".join(f"127.0.0.1:{database.port}" for database in self.databases)
        passfile = quote(str(self._passfile), safe="")
        options = f"target_session_attrs=read-write&options=-csearch_path%3D{schema}"
        return f"postgresql://faucet@{hosts}/faucet?{options}&passfile={passfile}"

    def drop_schema(self, _schema: str) -> None:
        """It goes with the servers."""


def _etcd_options(data: Path, port: int) -> Sequence[str]:
    here, there = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    return (
        "--name=faucet", f"--data-dir={data}", "--unsafe-no-fsync", "--log-level=warn",
        f"--listen-client-urls={here}", f"--advertise-client-urls={here}", f"--listen-peer-urls={there}",
        f"--initial-advertise-peer-urls={there}", f"--initial-cluster=faucet={there}",
    )  # fmt: skip


@contextlib.contextmanager
def patroni(**dcs: Any) -> Iterator[Cluster]:
    """A cluster that ends with the block."""
    with new_folder() as folder:
        cluster = Cluster(folder, **dcs)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
