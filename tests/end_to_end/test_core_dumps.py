"""The registrar's key stands in no core dump."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.harness.program import REGISTRAR_WIF, ROOT, Faucet, command, faucet, on_chain

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


def holds(pid: str, text: bytes) -> bool:
    """Whether `text` stands in the writable memory or the environment of a process."""
    maps = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    ranges = [[int(end, 16) for end in each[0].split("-")] for each in maps if each[1].startswith("rw")]
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in ranges:
            memory.seek(start)
            with contextlib.suppress(OSError):
                if text in memory.read(end - start):
                    return True
    return text in Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="reads the memory of other processes")
@pytest.mark.parametrize("source", ["wif_file", "FAUCET_WIF"])
async def test_only_the_process_that_signs_holds_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    key_file = tmp_path / "registrar.wif"
    if source == "wif_file":
        key_file.write_text(REGISTRAR_WIF)
    else:
        monkeypatch.setitem(os.environ, source, REGISTRAR_WIF)
    named = {"wif_file": str(key_file)} if source == "wif_file" else {}
    options = {**on_chain("ws://127.0.0.1:1"), "workers": 2, **named}
    del options["wif"]
    service = Faucet(tmp_path, options)
    await service.start()
    try:
        await service.fetch("/healthz")
        children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
        serving = [pid for pid in children if b"--listener" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        owners = [pid for pid in children if pid not in serving]
        assert (len(serving), len(owners)) == (2, 1)
        while not holds(owners[0], REGISTRAR_WIF.encode()):
            """It has just begun, and no event tells when it has read the key."""
        assert not [pid for pid in serving if holds(pid, REGISTRAR_WIF.encode())]
        # In the environment it has to stay for the next process that owns the chain.
        assert holds(str(service.pid), REGISTRAR_WIF.encode()) is (source == "FAUCET_WIF")
        key_file.unlink(missing_ok=True)
        monkeypatch.delitem(os.environ, "FAUCET_WIF", raising=False)
        code, _, errors = await command("backup", "--config", str(service.config), str(tmp_path / "copy.db"))
        assert (code, errors) == (0, "")
    finally:
        await service.stop()


@pytest.mark.parametrize("content", ["no key", "", None])
async def test_wrong_key_is_refused_at_the_start_of_several_processes(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "registrar.wif").write_text(content)
    options = {**on_chain("ws://127.0.0.1:1"), "wif_file": "registrar.wif"}
    del options["wif"]
    service = Faucet(tmp_path, options)
    code, output, errors = await command("serve", "--config", str(service.config), "--port", "0", "--workers", "2")
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert errors.startswith("config.yaml:1: wif_file: ")
