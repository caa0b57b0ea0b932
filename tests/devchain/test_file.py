"""A dev chain goes on by its file."""

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devchain import ChainParameters, DevChain, JournalError
from devchain.settings import published_key
from tests.harness.dev_chain import (
    SETTINGS,
    START,
    new_dev_chain,
    payment,
    register,
    registration,
    serving,
    signed,
    snapshot,
)


def settled(dev_chain: DevChain) -> Any:
    """What of a chain its file keeps: all but what is pending."""
    dev_chain.chain.orphan(0, keep=False)
    return snapshot(dev_chain.chain)


def lived_in(path: Path) -> DevChain:
    """A chain to which a good deal has happened."""
    dev_chain = new_dev_chain(replace(SETTINGS, data=path))
    chain = dev_chain.chain
    register(chain, "alice-1", "alice-2")
    dev_chain.produce()
    dev_chain.control.set_balance("plain-account1", 10**7)
    chain.push(signed(chain, payment(chain, 2**33), registration(chain, "premium")))
    dev_chain.control.produce(3)
    register(chain, "bob-1")
    dev_chain.produce()
    dev_chain.orphan(2)
    dev_chain.control.set_basic_fee(600_000)
    dev_chain.control.produce(2)
    register(chain, "still-pending-1")
    return dev_chain


def reopened(path: Path, **changes: Any) -> DevChain:
    return DevChain(replace(SETTINGS, data=path, **changes), clock=lambda: START)


async def test_chain_resumes_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    first = lived_in(path)
    kept = settled(first)
    await first.stop()
    again = reopened(path)
    assert (settled(again), again.chain_id) == (kept, first.chain_id)
    register(again.chain, "carol-1")
    again.produce()
    kept = settled(again)
    await again.stop()
    assert settled(reopened(path, read_only=True)) == kept


async def test_truncated_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    await lived_in(path).stop()
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[:-7])
    again = reopened(path)
    assert path.read_bytes() == whole.removesuffix(last)
    again.produce()
    await again.stop()
    await reopened(path).stop()


async def test_second_chain_on_one_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    first = lived_in(path)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="is in use: another faucet or dev chain"):
        reopened(path)
    assert path.read_bytes() == before
    await first.stop()
    await reopened(path).stop()


async def test_copy_writes_nothing_to_the_file(tmp_path: Path) -> None:
    """Not even where a line is being written at that moment."""
    path = tmp_path / "chain.jsonl"
    first = lived_in(path)
    with path.open("ab") as file:
        file.write(b'{"time": 17000')
    before = path.read_bytes()
    copy = reopened(path, read_only=True)
    assert copy.chain.head_id == first.chain.head_id
    copy.produce()
    await copy.stop()
    assert path.read_bytes() == before
    await first.stop()


def test_copy_of_no_file_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "chain.jsonl"
    assert reopened(path, read_only=True).chain.head_number == 0
    assert not path.parent.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"prefix": "TEST"},
        {"registrar": "another"},
        {"registrar_key": published_key("another")},
        {"parameters": ChainParameters(basic_fee=1)},
    ],
)
async def test_file_with_another_genesis_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "chain.jsonl"
    await lived_in(path).stop()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="began with other settings"):
        reopened(path, **changes)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", ["no JSON\n", '{"what": "is this?"}\n', "[]\n", '{"port": 5000}', '{"what": "is"}\nthis']
)
def test_other_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "chain.jsonl"
    path.write_text(content)
    with pytest.raises(JournalError):
        reopened(path)
    assert path.read_text() == content


def test_pipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    os.mkfifo(path, 0o644)
    with pytest.raises(JournalError, match="no regular file"):
        reopened(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


async def test_private_keys_are_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    dev_chain = lived_in(path)
    await dev_chain.stop()
    assert dev_chain.registrar_wif not in path.read_text()


async def test_address_in_use_raises_and_leaves_nothing_open(tmp_path: Path) -> None:
    dev_chain = new_dev_chain()
    async with serving(dev_chain):
        port = int(dev_chain.url.rpartition(":")[2])
        other = reopened(tmp_path / "chain.jsonl", port=port)
        with pytest.raises(OSError, match="in use"):
            await other.start()
