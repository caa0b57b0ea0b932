"""The registrar's key stands in no core dump."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.harness.program import ROOT, faucet

PROBE = """
import ctypes
from commands.core_dumps import forbid_core_dumps
forbid_core_dumps()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("workers", [1, 2])
async def test_no_process_may_dump_its_memory(tmp_path: Path, workers: int) -> None:
    async with faucet(tmp_path, "ws://127.0.0.1:1", workers=workers) as service:
        await service.fetch("/healthz")
        children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
        assert len(children) == (0 if workers == 1 else workers + 1)
        for pid in (str(service.pid), *children):
            limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
            (core,) = [line.split()[4:6] for line in limits if line.startswith("Max core file size")]
            assert core == ["0", "0"]
        await service.stop(signal.SIGTERM)


async def test_a_handler_gets_no_dump_either() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROBE, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert (await process.communicate())[0] == b"0\n"
