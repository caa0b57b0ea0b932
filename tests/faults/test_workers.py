"""Processes of `serve --workers` that hang, and the files in which they share their counts."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.harness.program import FAUCET, Faucet, dev_chain, on_chain
from tests.harness.serving import turn
from tests.harness.supervised import children, metric, of_chain, of_http

HANGING = ("tests/harness/hanging_faucet.py",)


@contextlib.asynccontextmanager
async def supervised(folder: Path, *, script: tuple[str, ...] = FAUCET) -> AsyncIterator[Faucet]:
    """A faucet of two processes for HTTP and one for the chain, all of which have served."""
    async with dev_chain() as chain:
        service = Faucet(folder, on_chain(chain.url, workers=2))
        await service.start(script=script)
        try:
            job = (await service.sign_up("before-1")).body["job"]["id"]
            await service.job(job, until="done")
            yield service
        finally:
            for pid in children(service.pid):
                os.kill(pid, signal.SIGCONT)
            await service.stop()


async def logged(service: Faucet, text: str, count: int = 1) -> list[str]:
    """The lines of the log that hold `text`, once there are `count`."""
    while True:
        lines = [line for line in (service.folder / "log").read_text().splitlines() if text in line]
        if len(lines) >= count:
            return lines
        await turn()


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def remove_files(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def cut_files(folder: Path) -> None:
    for file in folder.iterdir():
        os.truncate(file, 5)


def garble_files(folder: Path) -> None:
    for file in folder.iterdir():
        file.write_bytes(b"\xff garbage" * 20_000)


def replace_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.touch()


@pytest.mark.parametrize("damage", [remove_folder, remove_files, cut_files, garble_files, replace_folder])
async def test_metrics_cost_no_reply_and_no_process(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    async with supervised(tmp_path) as service:
        folder, processes = tmp_path / "metrics-faucet.db.d", children(service.pid).keys()
        assert folder.stat().st_mode & 0o777 == 0o700
        files = {"http-0.json", "http-1.json", "chain.json", "supervisor.json"}
        while {file.name for file in folder.glob("*.json")} != files:
            await turn()
        damage(folder)
        replies = await asyncio.gather(*(service.sign_up(f"after-{number}") for number in range(10)))
        assert {reply.status for reply in replies} == {200}
        for reply in replies:
            await service.job(reply.body["job"]["id"], until="done")
        assert (await service.fetch("/metrics")).status == 200
        if damage is replace_folder:
            folder.unlink()
        while await metric(service, 'faucet_signups_total{outcome="accepted"}') != 11:
            await turn()
        while {file.name for file in folder.glob("*.json")} != files:
            await turn()
        assert children(service.pid).keys() == processes
        assert await service.stop() == 0
        assert not folder.exists()


async def test_metrics_are_in_the_folder_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, temporary = tmp_path / "runtime", tmp_path / "temporary"
    for folder in (runtime, temporary):
        folder.mkdir(mode=0o700)
    monkeypatch.setitem(os.environ, "RUNTIME_DIRECTORY", str(runtime))
    monkeypatch.setitem(os.environ, "TMPDIR", str(temporary))
    # Somebody else's setting.
    monkeypatch.setitem(os.environ, "PROMETHEUS_MULTIPROC_DIR", str(temporary))
    async with supervised(tmp_path) as service:
        while await metric(service, "faucet_registration_seconds_count") != 1:
            await turn()
        assert (runtime / "metrics" / "chain.json").exists()
        assert list(temporary.iterdir()) == []
        assert not list(tmp_path.glob("metrics*"))


async def test_hung_processes_are_started_again(tmp_path: Path) -> None:
    """One is stopped, one is in a busy loop, one is blocked in a call."""

    async with supervised(tmp_path, script=HANGING) as service:
        http, (chain,) = of_http(service.pid), of_chain(service.pid)
        one, other = http
        for pid, number in ((one, signal.SIGUSR1), (other, signal.SIGUSR2), (chain, signal.SIGSTOP)):
            os.kill(pid, number)
        lines = await logged(service, 'event="process hangs, so it is killed and started again"', 3)
        assert {name for name in ("http-0", "http-1", "chain") if any(f" process={name} " in line for line in lines)}
        while len(of_http(service.pid) - http) < 2 or not of_chain(service.pid) - {chain}:
            await turn()
        job = (await service.sign_up("after-1")).body["job"]["id"]
        await service.job(job, until="done")
        for name in ("http-0", "http-1", "chain"):
            counted = f'faucet_process_restarts_total{{process="{name}",reason="hung"}}'
            while await metric(service, counted) != 1:
                await turn()


async def test_process_that_hangs_for_a_moment_is_left(tmp_path: Path) -> None:
    async with supervised(tmp_path, script=HANGING) as service:
        before, (chain,) = children(service.pid).keys(), of_chain(service.pid)
        for count in (1, 2):
            os.kill(chain, signal.SIGSTOP)
            await logged(service, 'event="process is silent"', count)
            os.kill(chain, signal.SIGCONT)
            job = (await service.sign_up(f"after-{count}")).body["job"]["id"]
            await service.job(job, until="done")
        assert children(service.pid).keys() == before


async def test_pause_of_all_processes_ends_none(tmp_path: Path) -> None:
    """As when a laptop sleeps: they stop for twice as long as a process may hang."""

    async with supervised(tmp_path, script=HANGING) as service:
        before = children(service.pid).keys()
        for _ in range(3):
            for pid in (*before, service.pid):
                os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(3)
            for pid in (service.pid, *before):
                os.kill(pid, signal.SIGCONT)
            job = (await service.sign_up("after-1")).body["job"]["id"]
            await service.job(job, until="done")
        assert children(service.pid).keys() == before
        assert "process hangs" not in (tmp_path / "log").read_text()


def received(systemd: socket.socket) -> list[bytes]:
    """What was sent since the last call."""
    states = []
    with contextlib.suppress(BlockingIOError):
        while True:
            states.append(systemd.recv(100, socket.MSG_DONTWAIT))
    return states


async def test_watchdog_is_not_notified_while_a_process_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setitem(os.environ, "NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setitem(os.environ, "WATCHDOG_USEC", "200000")
        async with supervised(tmp_path, script=HANGING) as service:
            assert b"WATCHDOG=1" in received(systemd)
            os.kill(min(of_chain(service.pid)), signal.SIGSTOP)
            await logged(service, 'event="process is silent"')
            received(systemd)
            await logged(service, 'event="process hangs, so it is killed and started again"')
            assert received(systemd) == []
            while b"WATCHDOG=1" not in received(systemd):
                await turn()
