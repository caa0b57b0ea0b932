"""Notifications to systemd."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from commands.service import Service
from commands.systemd import READY, keep_alive, notify
from jobs.errors import Code, FaucetError
from jobs.settings import load
from tests.harness.engines import Databases
from tests.harness.loglines import log_lines
from tests.harness.program import ROOT, Faucet, dev_chain, on_chain


async def test_systemd_is_notified_ready_alive_and_stopping(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        async with dev_chain() as chain:
            config = Faucet(tmp_path, on_chain(chain.url)).config
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(ROOT / "faucet.py"), "serve", "--config", str(config), "--port", "0",
                env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"},
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            states = [await asyncio.to_thread(systemd.recv, 100) for _ in range(4)]
            assert states == [b"READY=1", *[b"WATCHDOG=1"] * 3]
            process.terminate()
            while states[-1] != b"STOPPING=1":
                states.append(await asyncio.to_thread(systemd.recv, 100))
            assert await process.wait() == 0


async def test_watchdog_is_notified_only_while_the_check_passes(tmp_path: Path) -> None:
    checks = 0

    async def check() -> None:
        nonlocal checks
        checks += 1
        if checks in {2, 3}:
            raise FaucetError(Code.INTERNAL, "A part has ended.")
        if checks == 5:
            raise asyncio.CancelledError

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        with pytest.raises(asyncio.CancelledError):
            await keep_alive(check, {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000"})
        assert [systemd.recv(100, socket.MSG_DONTWAIT) for _ in range(2)] == [b"WATCHDOG=1"] * 2
        with pytest.raises(BlockingIOError):
            systemd.recv(100, socket.MSG_DONTWAIT)


def test_systemd_that_is_away_or_busy_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    address = str(tmp_path / "notify")
    notify(READY, {"NOTIFY_SOCKET": address})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        while len(caplog.records) == 1:  # until nothing more fits into its queue
            notify(READY, {"NOTIFY_SOCKET": address})
    assert all('event="systemd not notified"' in line for line in log_lines(caplog.records))


async def test_service_is_alive_while_all_its_tasks_are(tmp_path: Path) -> None:
    service = Service(load(Faucet(tmp_path, on_chain("ws://127.0.0.1:1")).config, {}))
    await service.start(None)
    await service.stand_in_line()
    try:
        await service.check()
        (names,) = [task for task in asyncio.all_tasks() if task.get_name() == "names"]
        names.cancel()
        await asyncio.wait({names})
        with pytest.raises(FaucetError, match="The task names has ended"):
            await service.check()
    finally:
        await service.stop()


async def test_service_is_alive_while_its_database_is_away(databases: Databases, tmp_path: Path) -> None:
    """Started anew, the program would not even say why nobody can sign up."""
    service = Service(load(Faucet(tmp_path, on_chain("ws://127.0.0.1:1")).config, {}))
    await service.start(None)
    try:
        with databases.connect(tmp_path) as shell:
            shell.execute("DROP TABLE job_counts")
        await service.check()
    finally:
        await service.stop()
