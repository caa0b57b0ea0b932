"""A PostgreSQL server with a standby, which may take over: the URL names both."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.harness.postgresql import USER, Server, new_folder, serving, started

NAME = "standby"  #: what the primary knows it by


class Standby(Server):
    """A server that follows another one, with a slot there."""

    def __init__(self, folder: Path, primary: Server, *settings: str) -> None:
        self._primary = primary
        super().__init__(folder, *settings)

    def _make(self) -> None:
        source = f"host={self._primary.folder} user={USER} application_name={NAME}"
        options = ("--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--create-slot", f"--slot={NAME}")
        self.run("pg_basebackup", "-D", self.folder / "data", "-d", source, *options)

    def promote(self) -> None:
        """Let it take writes; returns once it does. Whoever promotes it sees to it that the primary takes none."""
        self.run("pg_ctl", "promote", "-D", self.folder / "data", "--wait")


@contextlib.contextmanager
def following(primary: Server, *settings: str) -> Iterator[Standby]:
    """A standby of `primary`, attached, that ends with the block."""
    with new_folder() as folder, started(Standby(folder, primary, *settings)) as standby:
        with primary.connect() as shell:
            while not shell.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'").fetchall():
                """Asking is the waiting: no event tells of it."""
        yield standby


@contextlib.contextmanager
def replicated() -> Iterator[tuple[Server, Standby]]:
    """A primary, the URL of which names both servers, and the standby that its commits wait for."""
    with serving() as primary, following(primary) as standby:
        replicate(primary, standby)
        yield primary, standby


def replicate(primary: Server, standby: Standby) -> None:
    """Let the commits of `primary` wait for `standby`, which its URL names too."""
    wait_for_standbys(primary, NAME)
    primary.folders.append(standby.folder)


def wait_for_standbys(primary: Server, names: str) -> None:
    """Let commits wait for the standbys of these names; with none, for nobody."""
    with primary.connect() as shell:
        # Not known to the standby: once promoted, it waits for nobody.
        shell.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        shell.execute("SELECT pg_reload_conf()")
        while shell.execute("SHOW synchronous_standby_names").fetchall() != [(names,)]:
            """Asking is the waiting: no event tells of it."""
