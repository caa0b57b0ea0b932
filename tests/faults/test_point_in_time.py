"""A ledger in PostgreSQL that is restored to a point in time: what came after that is on the chain, and not in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.chain_totals import read_totals
from tests.harness.documents import sql_of
from tests.harness.machines import PAYING, PAYMENT
from tests.harness.postgresql import USER, Server, new_folder, serving
from tests.harness.program import ROOT, Faucet, command, dev_chain, faucet

#: Signed up before the base backup, between that and the point, after the point, after the restore.
BEFORE, MEANWHILE, AFTER, AGAIN = (
    ["before-1", "before-2"],
    ["while-1", "while-2"],
    ["after-1", "after-2"],
    ["again-1"],
)
POINT = "before the mistake"
(MARK,) = sql_of((ROOT / "docs/machines.md").read_text(), "restored_from")


class Restored(Server):
    """A server made of a base backup of `source`, which replays the archive up to the point once it is started."""

    def __init__(self, folder: Path, source: Server, archive: Path) -> None:
        self._source = source
        recovery = (f"restore_command=cp {archive}/%f %p", f"recovery_target_name={POINT}")
        super().__init__(folder, *recovery, "recovery_target_action=promote")

    def _make(self) -> None:
        source = f"host={self._source.folder} user={USER}"
        self.run("pg_basebackup", "-D", self.folder / "data", "-d", source, "--checkpoint=fast", "--no-sync")
        (self.folder / "data/recovery.signal").touch()

    def promoted(self) -> None:
        """Return when it takes writes."""
        with self.connect() as shell:
            while shell.execute("SELECT pg_is_in_recovery()").fetchall() == [(True,)]:
                """Asking is the waiting."""


@contextmanager
def archived() -> Iterator[tuple[Path, Server]]:
    """A server, and the folder that it copies its log to."""
    with new_folder() as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        with serving("archive_mode=on", f"archive_command=cp %p {folder}/%f") as server:
            yield folder, server


async def sign_up(service: Faucet, names: list[str]) -> None:
    """Return when all are done."""
    jobs = [(await service.sign_up(name)).body["job"]["id"] for name in names]
    for job in jobs:
        await service.job(job, until="done")


async def recovered(service: Faucet, *options: str) -> str:
    """What `reconcile` says at its end."""
    code, output, _ = await command("reconcile", "--config", str(service.config), *options)
    assert code == 0
    return output.splitlines()[-1].split(": ", 1)[1]


async def test_ledger_restored_to_a_point_in_time_pays_nobody_twice(tmp_path: Path) -> None:
    """Marked as a copy, as docs/machines.md says, it follows the chain before it signs, and gets back what it lacks."""
    with archived() as (archive, old), new_folder() as folder:
        async with dev_chain() as chain:
            async with faucet(tmp_path, chain.url, ledger=old.url(), **PAYING) as service:
                await sign_up(service, BEFORE)
                restored = Restored(folder, old, archive)
                await sign_up(service, MEANWHILE)
                with old.connect() as shell:
                    shell.execute("SELECT pg_create_restore_point(%s)", (POINT,))
                await sign_up(service, AFTER)
            with old.connect() as shell:
                shell.execute("SELECT pg_switch_wal()")
            old.stop()
            restored.start()
            try:
                restored.promoted()
                assert names_in(restored) == {*BEFORE, *MEANWHILE}
                with restored.connect() as shell:
                    shell.execute(MARK)
                async with faucet(tmp_path, chain.url, ledger=restored.url(), **PAYING) as service:
                    assert await recovered(service, "--rebuild") == "0 differences, 4 recovered"
                    await sign_up(service, AGAIN)
                    assert await recovered(service, "--from-block", "1") == "0 differences, 0 recovered"
                every = {*BEFORE, *MEANWHILE, *AFTER, *AGAIN}
                assert names_in(restored) == every
                totals = await read_totals(chain.node)
                assert dict(totals.registered) == dict.fromkeys(every, 1)
                assert dict(totals.amounts) == {totals.ids[name]: PAYMENT for name in every}
            finally:
                restored.stop()


def names_in(server: Server) -> set[str]:
    with server.connect() as shell:
        return {name for (name,) in shell.execute("SELECT name FROM jobs").fetchall()}
