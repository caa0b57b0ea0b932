"""The peerplays package, an ordinary client, uses the dev chain as its node."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from devchain import DevChain, DevChainSettings

ROOT = Path(__file__).parents[2]


async def use(dev_chain: DevChain, home: Path) -> dict[str, Any]:
    """What tests/harness/peerplays_client.py saw; its key store is in `home`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.harness.peerplays_client",
        dev_chain.url, dev_chain.chain_id, dev_chain.registrar_wif,
        stdout=asyncio.subprocess.PIPE, cwd=ROOT, env={**os.environ, "HOME": str(home)},
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0
    saw: dict[str, Any] = json.loads(output.splitlines()[-1])
    return saw


async def test_peerplays_package_reads_transfers_and_registers(tmp_path: Path) -> None:
    async def scenario() -> dict[str, Any]:
        dev_chain = DevChain(DevChainSettings(block_interval=0.1))
        dev_chain.control.produce(2)
        await dev_chain.start()
        try:
            return await use(dev_chain, tmp_path)
        finally:
            await dev_chain.stop()

    saw = await scenario()
    assert saw["registrar"] == ["1.2.7", True, "10,000,000.00000 TEST"]
    assert saw["plain"] == ["plain-account1", False, []]
    assert saw["block"] == "00" * 20
    assert saw["head"] >= 2
    assert saw["names"] == ["committee-account", "default-dividend-distribution", "faucet", "null-account"]
    assert saw["paid"] == ["12.50000 TEST"]
    assert saw["peter"] == ["1.2.10", True]
    assert saw["history"] == [0]
