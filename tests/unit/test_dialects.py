"""Differences between chains are learnt from the node, on both flavours of the dev chain."""

from pathlib import Path

import pytest

from chain.node import Node
from devchain import Flavour
from jobs.errors import Code
from jobs.model.job import State
from tests.harness.chain_harness import chain_side
from tests.harness.lying import lies
from tests.harness.lying.relay import Relay
from tests.harness.program import dev_chain, faucet, wait_ready

ENDING = "-dividend-distribution"
RESERVED = f"my{ENDING}"


async def test_reserved_ending_is_detected(both_flavours: Flavour, tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        expected = ENDING if both_flavours is Flavour.PEERPLAYS else None
        assert await Node(side.link.call).reserved_ending() == expected
        assert (await side.ledger.pins.all())["reserved_ending"].value == (expected or "")


async def test_account_with_the_reserved_name_and_another_id_reserves_nothing(
    both_flavours: Flavour, tmp_path: Path
) -> None:
    """Where the ending is an ordinary one, anybody may take the name of the account that tells."""

    async with chain_side(tmp_path) as side:
        if both_flavours is Flavour.BITSHARES:
            side.chain.control.register(
                "default-dividend-distribution", side.chain.chain.settings.genesis["registrar_key"]
            )
            side.chain.control.produce()
            assert await side.node.reserved_ending() is None


async def test_signup_of_a_reserved_name(both_flavours: Flavour, tmp_path: Path) -> None:
    """It is refused at once where the chain has such names, and an account elsewhere."""

    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        await wait_ready(service)
        reply = await service.sign_up(RESERVED)
        page = (await service.fetch(f"/api/v1/accounts/{RESERVED}")).body["account"]
        if both_flavours is Flavour.PEERPLAYS:
            assert (reply.status, reply.body["error_code"], page["code"]) == (
                422,
                "invalid_name",
                "invalid_name",
            )
        else:
            await service.job(reply.body["job"]["id"], until="done")


async def test_reserved_name_queued_before_the_first_connection_fails(both_flavours: Flavour, tmp_path: Path) -> None:
    """It fails by the rule, not by a refusal, and delays no other job."""

    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept(RESERVED, "alice-1")
        await side.drainer.drain()
        await side.block()
        job = await side.job(RESERVED)
        refused = both_flavours is Flavour.PEERPLAYS
        assert job.state is (State.FAILED if refused else State.REGISTERED)
        assert job.code == (Code.INVALID_NAME if refused else None)
        assert (await side.job("alice-1")).state is State.REGISTERED


@pytest.mark.usefixtures("both_flavours")
async def test_malformed_block_is_reported(tmp_path: Path) -> None:
    """On the page and at /readyz, for as long as it lasts; signups are accepted, and registered afterwards."""
    sentence = "Blocks can't be followed: the node's reply has another form"

    async with dev_chain() as chain, Relay(chain.url) as relay, faucet(tmp_path, relay.url) as service:
        await wait_ready(service)
        relay.lie(lies.WrongValue("get_block", ("transactions", 0, "operations"), "word"))
        job = (await service.sign_up("alice-1")).body["job"]["id"]
        while sentence not in (await service.fetch("/readyz")).body["checks"]["drain"]["text"]:
            """Asking is the waiting."""
        assert sentence.replace("'", "&#39;") in (await service.fetch("/status")).body.decode()
        relay.heal()
        await service.job(job, until="done")
        await wait_ready(service)
