"""The embedded dev chain has one program that makes its blocks, whatever else runs beside it."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chain.node import Node
from chain.open_link import open_link
from tests.harness.documents import free_port
from tests.harness.program import HASTY, Faucet, command

#: Commands that an operator may run at any time.
COMMANDS = (
    ("reconcile",), ("reconcile", "--from-block", "1"), ("reconcile", "--rebuild"), ("check",), ("init",), ("jobs",),
    ("audit",), ("export",), ("refollow",),
)  # fmt: skip


@contextlib.asynccontextmanager
async def embedding(folder: Path, *options: str) -> AsyncIterator[Faucet]:
    """A faucet with an embedded dev chain and one signup that is done."""
    settings = {"devchain_port": free_port(), "devchain_block_interval": 0.1, **HASTY}
    service = Faucet(folder, settings)
    await service.start(*options)
    try:
        job = (await service.sign_up("alice-1")).body["job"]["id"]
        await service.job(job, until="done")
        yield service
    finally:
        await service.stop()


async def head_of(service: Faucet) -> int:
    """The number of the newest block of its chain."""
    port = service.config.read_text().partition('"devchain_port": ')[2].partition(",")[0]
    async with open_link([f"ws://127.0.0.1:{port}"], timeout=5) as link:
        return (await Node(link.call).head()).number


async def test_commands_write_nothing_into_the_chains_file(tmp_path: Path) -> None:
    journal = tmp_path / "devchain.journal"
    async with embedding(tmp_path) as service:
        for arguments in COMMANDS:
            code, output, errors = await command(*arguments, "--config", str(service.config))
            assert code == 0, (arguments, output, errors)
        made = journal.read_bytes().count(b"\n") - 1  # the first line is the genesis
        assert made <= await head_of(service)
        await service.stop()
        before = journal.read_bytes()
        for arguments in COMMANDS:
            code, output, errors = await command(*arguments, "--config", str(service.config))
            assert code == 0, (arguments, output, errors)
        assert journal.read_bytes() == before
        await service.start()
        job = (await service.sign_up("bob-1")).body["job"]["id"]
        await service.job(job, until="done")


async def test_reconcile_compares_with_the_chain_as_it_is_now(tmp_path: Path) -> None:
    async with embedding(tmp_path) as service:
        head = await head_of(service)
        code, output, _ = await command("reconcile", "--config", str(service.config))
        compared = int(output.splitlines()[-1].removeprefix("up to block ").partition(":")[0])
        assert (code, head - 10 <= compared) == (0, True)


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=" ".join)
async def test_second_program_on_one_chain_is_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A second faucet on the same ledger waits for the first one's end; one on another ledger can't have the chain."""
    async with embedding(tmp_path, *options) as service:
        journal = str(tmp_path / "devchain.journal")
        other = tmp_path / "other.yaml"
        other.write_text(json.dumps({**json.loads(service.config.read_text()), "ledger": "other.db"}))
        where = ("--port", "0", "--config", str(other))
        for arguments in (("serve",), ("devchain", "--data", journal)):
            code, _, errors = await command(*arguments, *where)
            (line,) = [line for line in errors.splitlines() if journal in line]
            assert (code, line) == (
                1, f"{journal} is in use: another faucet or dev chain makes the blocks of this chain",
            )  # fmt: skip
        job = (await service.sign_up("bob-1")).body["job"]["id"]
        await service.job(job, until="done")


async def test_killed_program_leaves_the_chain_to_the_next(tmp_path: Path) -> None:
    async with embedding(tmp_path) as service:
        await service.stop(9)
        await service.start()
        job = (await service.sign_up("bob-1")).body["job"]["id"]
        await service.job(job, until="done")
