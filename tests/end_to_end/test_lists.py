"""Lists in the program itself: read again when they change and on SIGHUP, and checked."""

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.program import ROOT, Faucet, command, on_chain
from tests.harness.supervised import CROWD, children, metric

NOWHERE = "ws://127.0.0.1:1"  #: without a node signups are accepted and wait
BAD = "names:\n  deny:\n  - spam-1\n  - (\n"
BLAME = "lists.yaml:4: names.deny: is not a regular expression of RE2: missing )"


@asynccontextmanager
async def served(folder: Path, workers: str = "1") -> AsyncIterator[Faucet]:
    """A faucet with so many processes for HTTP, until the block ends."""
    service = Faucet(folder, on_chain(NOWHERE))
    await service.start("--workers", workers)
    try:
        yield service
    finally:
        assert await service.stop() == 0


async def until_available(service: Faucet, name: str, *, available: bool, signal_number: int = 0) -> None:
    """Return when every process says so; send the signal whenever one does not."""
    path = f"/api/v1/accounts/{name}"
    while True:
        replies = await asyncio.gather(*(service.fetch(path) for _ in range(CROWD)))
        if {reply.body["account"]["available"] for reply in replies} == {available}:
            return
        os.kill(service.pid, signal_number)


def rewrite_unnoticed(file: Path, text: str) -> None:
    """Change what a file says, but not its size, its time and itself."""
    before = file.stat()
    assert len(text) == before.st_size
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_changed_lists_are_read_without_a_signal(tmp_path: Path, workers: str) -> None:
    """Also a file that was not there; a wrong one, and one that is gone, change nothing."""
    file = tmp_path / "lists.yaml"
    async with served(tmp_path, workers) as service:
        await until_available(service, "spam-1", available=True)
        file.write_text("names: {deny: [spam-1]}")
        await until_available(service, "spam-1", available=False)
        file.write_text(BAD)
        while BLAME not in (await service.fetch("/status")).body.decode():
            """Asking is the waiting."""
        await until_available(service, "spam-1", available=False)
        file.unlink()
        while "No such file" not in (await service.fetch("/status")).body.decode():
            """Asking is the waiting."""
        await until_available(service, "spam-1", available=False)
        file.write_text("names: {deny: [spam-2]}")
        await until_available(service, "spam-1", available=True)
        await until_available(service, "spam-2", available=False)
    log = (tmp_path / "log").read_text()
    assert ("lists not read" in log, BLAME in log.replace("\\", "")) == (True, True)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_sighup_reads_the_lists_in_every_process(tmp_path: Path, workers: str) -> None:
    """The supervisor passes it on, and nobody dies of it."""
    file = tmp_path / "lists.yaml"
    file.write_text("names: {deny: [spam-1]}")
    async with served(tmp_path, workers) as service:
        await until_available(service, "spam-1", available=False)
        processes = children(service.pid).keys()
        rewrite_unnoticed(file, "names: {deny: [spam-2]}")
        # One that has not sent a heartbeat yet is passed over.
        await until_available(service, "spam-2", available=False, signal_number=signal.SIGHUP)
        await until_available(service, "spam-1", available=True)
        assert children(service.pid).keys() == processes
        assert await metric(service, "faucet_process_restarts_total") == 0


async def test_lists_that_can_not_be_read_end_the_start(tmp_path: Path) -> None:
    service = Faucet(tmp_path, on_chain(NOWHERE))
    where = ("--config", str(service.config))
    (tmp_path / "lists.yaml").write_text(BAD)
    for workers in ("1", "2"):
        code, output, errors = await command("serve", *where, "--port", "0", "--workers", workers)
        assert (code, output, errors) == (2, "", f"{BLAME}\n")
    assert {file.name for file in tmp_path.iterdir()} == {"config.yaml", "lists.yaml"}
    assert f"FAIL lists: {BLAME}\n" in (await command("check", *where))[1]
    (tmp_path / "lists.yaml").write_text("names: {deny: [a, b], brands: [paypal]}\nnetworks: {deny: [192.0.2.0/24]}")
    line = "ok   lists: names denied by 3 entries, networks denied by 1 entries, referrers denied by 0 entries\n"
    assert line in (await command("check", *where))[1]


async def test_lists_that_are_named_must_be_there(tmp_path: Path) -> None:
    """Those by default need not."""
    service = Faucet(tmp_path, {**on_chain(NOWHERE), "lists_file": "named.yaml"})
    where = ("--config", str(service.config))
    code, _, errors = await command("serve", *where, "--port", "0")
    assert (code, errors) == (2, "named.yaml: can't be read: No such file or directory\n")
    assert "FAIL lists: named.yaml: can't be read" in (await command("check", *where))[1]
    service.config.write_text(json.dumps(on_chain(NOWHERE)))
    assert "lists" not in (await command("check", *where))[1]


async def test_closed_terminal_ends_the_faucet(tmp_path: Path) -> None:
    service = Faucet(tmp_path, on_chain(NOWHERE))
    master, terminal = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "faucet.py"), "serve", "--config", str(service.config), "--port", "0",
            stdin=terminal, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b"listening on")
        process.send_signal(signal.SIGHUP)
        await process.communicate()
        assert process.returncode == 0
    finally:
        os.close(master)
        os.close(terminal)
