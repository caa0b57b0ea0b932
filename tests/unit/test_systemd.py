"""Notifications to systemd."""

import asyncio
import os
import socket
import sys
from pathlib import Path

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
