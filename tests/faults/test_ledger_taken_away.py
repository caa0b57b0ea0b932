"""A ledger's file that is moved or replaced while the faucet serves from it."""

import contextlib
import json
from pathlib import Path

import pytest
from tornado.simple_httpclient import HTTPStreamClosedError

from tests.harness.program import Faucet, command, dev_chain, on_chain, wait_ready


def take_away(folder: Path, slip: str) -> None:
    """Do to the ledger of a running faucet what an operator does who takes the service for stopped."""
    away = folder / "away"
    away.mkdir()
    if slip == "moved":
        (folder / "faucet.db").rename(away / "faucet.db")
    elif slip == "moved behind a link":
        (folder / "faucet.db").rename(away / "faucet.db")
        (folder / "faucet.db").symlink_to(away / "faucet.db")
    elif slip == "replaced":
        (folder / "copy.db").replace(folder / "faucet.db")
    elif slip == "overwritten":  # as cp does
        (folder / "faucet.db").write_bytes((folder / "copy.db").read_bytes())
    elif slip == "log cut":  # as > does, or who wants room on the disk
        (folder / "faucet.db-wal").write_bytes(b"")
    elif slip == "log removed":
        (folder / "faucet.db-wal").unlink()
    else:
        for file in folder.glob("faucet.db*"):
            file.unlink()


async def names_of_jobs(service: Faucet) -> set[str]:
    _, output, _ = await command("jobs", "--config", str(service.config), "--json")
    return {json.loads(line)["name"] for line in output.splitlines()}


@pytest.mark.parametrize(
    "slip", ["moved", "moved behind a link", "replaced", "overwritten", "log cut", "log removed", "removed"]
)
async def test_ledger_taken_away_from_a_running_faucet(tmp_path: Path, slip: str) -> None:
    """Nothing is accepted that would be lost, and the faucet ends; what was accepted is in the file that it had."""

    async with dev_chain() as chain:
        service = Faucet(tmp_path, on_chain(chain.url))
        await service.start()
        await wait_ready(service)
        assert (await service.sign_up("before-1")).status == 200
        copy = ("backup", "--config", str(service.config), str(tmp_path / "copy.db"))
        assert (await command(*copy))[0] == 0
        assert (await service.sign_up("before-2")).status == 200
        take_away(tmp_path, slip)
        reply = await service.sign_up("lost-1")
        assert (reply.status, reply.body["error_code"]) == (503, "ledger_unavailable")
        found = (await service.fetch("/readyz")).body["checks"]["ledger"]
        while found["ok"]:  # a check is good for a second
            found = (await service.fetch("/readyz")).body["checks"]["ledger"]
        assert "while the faucet used it: the faucet ends" in found["text"]
        assert await service.ended() == 1
        assert "while the faucet used it" in (tmp_path / "log").read_text().splitlines()[-1]
        if slip == "moved":
            (tmp_path / "away" / "faucet.db").rename(tmp_path / "faucet.db")
        await service.start()
        lost = set[str]()
        known = {"replaced": {"before-1"}, "overwritten": {"before-1"}, "log cut": lost, "removed": lost}.get(
            slip, {"before-1", "before-2"}
        )
        assert await names_of_jobs(service) == known
        await service.stop()


@pytest.mark.parametrize("slip", ["removed", "overwritten", "log cut"])
async def test_ledger_taken_away_from_several_processes(tmp_path: Path, slip: str) -> None:
    """Each of them ends, and is started again on what is there: nothing, an empty copy, or no log."""

    async with dev_chain() as chain:
        service = Faucet(tmp_path, on_chain(chain.url))
        await service.start("--workers", "2")
        try:
            copy = ("backup", "--config", str(service.config), str(tmp_path / "copy.db"))
            assert (await command(*copy))[0] == 0
            assert (await service.sign_up("before-1")).status == 200
            take_away(tmp_path, slip)
            statuses = [(await service.sign_up("again-1")).status]
            while statuses[-1] != 200:
                with contextlib.suppress(OSError, HTTPStreamClosedError):  # the process that took the connection ends
                    statuses.append((await service.sign_up("again-1")).status)
            assert statuses[0] == 503
            assert await names_of_jobs(service) == {"again-1"}
        finally:
            await service.stop()
