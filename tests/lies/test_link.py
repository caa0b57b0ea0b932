"""The real program behind an untrusted node that sends malformed replies: it survives, small in memory and messages."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.fault_scenario import PAYING, Scenario
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie
from tests.harness.lying.relay import Relay
from tests.harness.program import QUICK, Faucet, dev_chain, on_chain, wait_ready
from tests.http.test_hostile import memory

MAX_MEMORY = 300_000_000  #: bytes of memory that the program may use
MAX_LINE = 500  #: characters of a line of the log, or of a sentence
PATIENT = 10  #: seconds for a node's answer: none of these lies is to say nothing
REGISTRAR = "1.2.7"


@contextlib.asynccontextmanager
async def lied_to(folder: Path, *, honest: bool = False) -> AsyncIterator[tuple[Scenario, Relay]]:
    """A scenario with an untrusted node that may lie; it must recover once the block ends."""
    async with dev_chain(*QUICK) as chain, Relay(chain.url) as relay:
        urls = [relay.url, *([chain.url] if honest else [])]
        service = Faucet(folder, on_chain(urls, own_nodes=[], node_timeout=PATIENT, **PAYING))
        scenario = Scenario(chain, service, await chain.node.balance(REGISTRAR))
        await service.start()
        try:
            await wait_ready(service)
            yield scenario, relay
            relay.heal()
            await scenario.recovered()
            assert memory(service) < MAX_MEMORY
            assert max(map(len, (folder / "log").read_text().splitlines())) < MAX_LINE
        finally:
            await service.stop()


async def until_lied(relay: Relay, lie: Lie, times: int) -> None:
    """Return when the lie has been told so often."""
    await relay.lied_with(type(lie), relay.lied[type(lie).__name__] + times)


#: Oversized texts, frames and values.
LARGE = [
    lies.HugeFrame(megabytes=30),
    lies.HugeFrame(megabytes=11, numbers=True),
    lies.DeepNesting(depth=500_000),
    lies.LongText("time"),
    lies.WrongValue("get_dynamic_global_properties", ("head_block_number",), "digits"),
    lies.WrongValue("lookup_account_names", (0, "id"), "megabyte"),
]


@pytest.mark.parametrize("lie", LARGE, ids=repr)
async def test_large_replies_are_not_kept(tmp_path: Path, lie: Lie) -> None:
    async with lied_to(tmp_path) as (scenario, relay):
        relay.lie(lie)
        await scenario.sign_up("alice-1")
        await until_lied(relay, lie, 3)
        assert memory(scenario.service) < MAX_MEMORY
        await _read_pages(scenario.service)


async def _read_pages(service: Faucet) -> None:
    """Logs and pages stay readable."""
    checks = (await service.fetch("/readyz")).body["checks"]
    assert max(len(check["text"]) for check in checks.values()) < MAX_LINE
    assert len((await service.fetch("/status")).body) < 100_000


@pytest.mark.parametrize("kind", lies.FLOODS)
async def test_floods_are_discarded(tmp_path: Path, kind: str) -> None:
    async with lied_to(tmp_path) as (scenario, relay):
        relay.lie(lies.Flood(kind))
        await scenario.sign_up("alice-1")
        for _ in range(5):
            await relay.called("get_block", relay.seen["get_block"] + 2)
            assert memory(scenario.service) < MAX_MEMORY
        await _read_pages(scenario.service)


@pytest.mark.parametrize("error", ["long message", "long stack"])
async def test_long_refusals_are_cut(tmp_path: Path, error: str) -> None:
    async with lied_to(tmp_path) as (scenario, relay):
        relay.lie(lies.RefusedCalls(error, api="network_broadcast"))
        await scenario.sign_up("alice-1")
        await scenario.reported("drain", "The node refuses what it is sent")
        await _read_pages(scenario.service)


@pytest.mark.parametrize("honest", [True, False], ids=["two nodes", "one node"])
async def test_redirect_is_reported_and_never_followed(tmp_path: Path, honest: bool) -> None:
    async with lied_to(tmp_path, honest=honest) as (scenario, relay):
        relay.lie(lies.Redirect())
        relay.disconnect()
        await scenario.sign_up("alice-1")
        if honest:
            await scenario.reach("funded", "done")
        else:
            await scenario.reported("chain", "redirects to another address (HTTP 302), which is not followed")
        assert relay.redirects_followed == 0
