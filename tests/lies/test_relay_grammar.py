"""Random lies: the relay serves all of them."""

import contextlib
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.harness.dev_chain import (
    REGISTRAR,
    Client,
)
from tests.harness.lying import grammar
from tests.harness.lying.conversation import decode
from tests.harness.lying.lie import Lie
from tests.harness.lying.relayed_chain import client_of, relayed_chain

#: Calls that a faucet makes, and some that it does not.
CALLS: list[tuple[str, list[Any]]] = [
    ("get_config", []),
    ("get_chain_properties", []),
    ("get_global_properties", []),
    ("get_dynamic_global_properties", []),
    ("get_objects", [["1.3.0", "2.1.0", "1.2.10", "1.2.999"]]),
    ("lookup_account_names", [["faucet", "alice-1", "nobody-1"]]),
    ("get_account_by_name", ["nobody-1"]),
    ("lookup_accounts", ["", 100]),
    ("get_account_balances", [REGISTRAR, ["1.3.0"]]),
    ("get_required_fees", [[[0, {}]], "1.3.0"]),
    ("get_block", [2]),
    ("get_block", [1000]),
    ("get_block", ["word"]),
    ("get_block", []),
]


async def _survives(lies: list[Lie]) -> None:
    """The relay serves all of them to a client that makes every call, then serves the truth again."""
    async with relayed_chain(blocks=3) as this:
        this.relay.lie(*lies)
        with contextlib.suppress(ConnectionClosed, InvalidStatus):
            async with client_of(this.relay.url) as client:
                for number, (method, arguments) in enumerate(CALLS):
                    await client.send({"id": number, "method": "call", "params": [0, method, arguments]})
                for body in ({}, this.registration("carol-1")):
                    await client.send({"id": 99, "method": "call", "params": [3, "broadcast_transaction", [body]]})
                await _exchange(client)
        this.relay.heal()
        async with client_of(this.relay.url) as client:
            assert await client.get(0, "get_chain_id") == this.chain.chain_id


async def _exchange(client: Client, times: int = 20) -> None:
    """Make calls that no lie is about, one after another: once they return, all earlier calls are answered."""
    for number in range(10**6, 10**6 + times):
        await client.send({"id": number, "method": "call", "params": ["devchain", "stall", [False]]})
        while decode(await client.socket.recv()).get("id") != number:
            pass


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(grammar.lies("alice-*"), min_size=1, max_size=3))
async def test_relay_serves_any_combination_of_lies(lies: list[Lie]) -> None:
    await _survives(lies)


@pytest.mark.parametrize("seed", range(40))
async def test_relay_serves_any_random_lie(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  # chance, not secrecy
    await _survives([grammar.random_lie(rng, nuisances=0.7) for _ in range(2)])


@given(grammar.campaigns(rounds=7))
def test_campaign_steps_are_ordered_by_round(steps: list[grammar.Step]) -> None:
    rounds = [step.round for step in steps]
    assert rounds == sorted(rounds)
    assert set(rounds) <= set(range(7))


def test_same_seed_gives_the_same_lies() -> None:
    def drawn(seed: int) -> list[str]:
        rng = random.Random(seed)  # noqa: S311  # chance, not secrecy
        return [repr(grammar.random_lie(rng)) for _ in range(50)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
