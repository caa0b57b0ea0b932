"""`make machines`, as a newcomer runs it."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.harness.balancer import needs_balancer
from tests.harness.patroni import needs_patroni
from tests.harness.postgresql import runs
from tests.harness.program import ROOT

RUN = ("-P", "-m", "tests.machines", "--seconds", "1")


@asynccontextmanager
async def running(**environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command, in a group of processes of its own, as in a terminal."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *RUN, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGINT)
        await process.communicate()


async def output_of(process: asyncio.subprocess.Process) -> str:
    return (await process.communicate())[0].decode()


async def test_machines_and_databases_die_and_the_records_agree() -> None:
    needs_patroni()
    needs_balancer()
    async with running() as process:
        output = await output_of(process)
        assert process.returncode == 0, output
    assert re.search(r"kill -9 of (faucet-\d), which owns .*\n(?:.*\n)*.* owner (?!\1)faucet-\d \(epoch 2\)", output)
    assert "primary db1" in output
    assert "primary db2" in output
    assert output.endswith("The three records agree: nothing lost, nothing registered or paid twice.\n")


async def test_interrupt_ends_everything() -> None:
    needs_patroni()
    needs_balancer()
    async with running() as process:
        assert process.stdout is not None
        while b"owner faucet-1" not in await process.stdout.readline():
            assert process.returncode is None
        os.killpg(process.pid, signal.SIGINT)
        output = await output_of(process)
    assert (process.returncode, output.splitlines()[-1]) == (130, "Stopped; nothing runs any more.")
    assert sessions_of(process.pid) == []


def sessions_of(leader: int) -> list[int]:
    """The processes in the session that `leader` began."""
    processes = (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))
    return [process for process in processes if session_of(process) == leader and runs(process)]


def session_of(process: int) -> int | None:
    try:
        return os.getsid(process)
    except ProcessLookupError:
        return None


async def test_missing_programs_are_named_by_their_packages(tmp_path: Path) -> None:
    async with running(PATH=str(tmp_path)) as process:
        output = await output_of(process)
    assert process.returncode == 1
    assert re.fullmatch(r"Not installed: apt-get install etcd-server haproxy nginx-light openssl patroni .*\n", output)
