"""The findings of `check` about each node, in the test's own process: with a lying node, and with a ledger."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chain.link import without_credentials
from commands.nodecheck import AT_FIRST_CONTACT, LONE, OWN, STRANGER
from commands.preflight import preflight
from devchain import ChainParameters
from devchain.settings import published_key
from jobs.conditions import Condition
from jobs.conditions.sentences import NO_ASSERTIONS
from jobs.ledger import Ledger
from jobs.settings import Settings
from jobs.settings.values import DailyBudget
from tests.harness.chain_harness import ChainSide, chain_side
from tests.harness.ledger_states import spend
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie
from tests.harness.lying.relay import Relay

PAYS: dict[str, Any] = {"enable_initial_balance": True, "initial_balance": Decimal(1)}
STRANGERS: dict[str, Any] = {"own_nodes": ()}


async def check_lines(
    folder: Path, side: ChainSide, *urls: str, clock: Callable[[], float] = time.time, **settings: Any
) -> list[Condition]:
    """All findings of `check` about the nodes at `urls`, by default the dev chain's, with the ledger in `folder`."""
    options = {"ledger": folder / "faucet.db", "max_head_age": 10**6, "node_timeout": 2.0, **settings}
    urls = urls or (side.chain.url,)
    config = Settings(witness_url=urls, **options)
    return [line async for line in preflight(config, urls, published_key("registrar"), clock=clock)]


def text_of(lines: list[Condition], name: str, *, ok: bool) -> str:
    """The text of the only line of that name and outcome."""
    (text,) = [line.text for line in lines if (line.name, line.ok) == (name, ok)]
    return text


def failing(lines: list[Condition]) -> set[str]:
    return {line.name for line in lines if not line.ok}


@asynccontextmanager
async def with_relay(
    folder: Path, *injected: Lie, parameters: ChainParameters | None = None
) -> AsyncIterator[tuple[ChainSide, Relay]]:
    """A dev chain that a ledger in `folder` has followed, behind a lying relay."""
    async with chain_side(folder, parameters=parameters) as side, Relay(side.chain.url) as relay:
        await side.block()
        await side.accept("alice-1")
        await side.drainer.drain()
        relay.lie(*injected)
        yield side, relay


async def test_every_line_of_a_node_names_it_without_credentials(tmp_path: Path) -> None:
    async with with_relay(tmp_path) as (side, relay):
        secret = relay.url.replace("ws://", "ws://user:secret@") + "/path?token=1"
        lines = await check_lines(tmp_path, side, side.chain.url, secret)
        assert failing(lines) == set()
        of_nodes = [line for line in lines if line.name not in ("config", "mail")]
        assert {line.text.split(": ")[0] for line in of_nodes} == {
            side.chain.url, without_credentials(secret),
        }  # fmt: skip
        assert not [line for line in lines if "secret" in line.text or "token" in line.text]
        assert relay.broadcasts == []


@pytest.mark.parametrize(
    ("lie", "name", "words"),
    [
        (lies.RefusedCalls("denied", "network_broadcast"), "api", "does not offer network_broadcast: Access to"),
        (lies.RefusedCalls("denied", "database", "is_this*"), "api", "does not offer database: Access to"),
        (lies.RefusedCalls("replaying", "database"), "node", "Node is replaying, please wait"),
        (lies.Prefix("BTS"), "ledger", "the prefix of public keys is BTS; on this chain it is TEST"),
        (lies.Precision(10), "ledger", "the precision of the core asset is 10; on this chain it is 5"),
        (lies.AccountId("faucet", "1.2.999"), "ledger", "the id of the account faucet is 1.2.999"),
        (lies.ChainId("00" * 32), "ledger", "is on the chain 00000000…"),
        (lies.HeadTime(-(10**7)), "node", "is out of sync"),
        (lies.HeadTime(10**7), "node", "seconds ahead of this machine's clock"),
        (lies.Unanswered("get_config"), "node", "no answer"),
    ],
)
async def test_lying_or_useless_node_fails_by_name(tmp_path: Path, lie: Lie, name: str, words: str) -> None:
    async with with_relay(tmp_path, lie) as (side, relay):
        lines = await check_lines(tmp_path, side, side.chain.url, relay.url, **STRANGERS)
        text = text_of(lines, name, ok=False)
        assert text.startswith(f"{relay.url}: ")
        assert words in text


async def test_nodes_are_compared_without_a_ledger(tmp_path: Path) -> None:
    async with with_relay(tmp_path) as (side, relay):
        empty = tmp_path / "none"
        lines = await check_lines(empty, side, side.chain.url, relay.url)
        assert text_of(lines, "agreement", ok=True).endswith(f"says the same of the chain as {side.chain.url}")
        assert "none yet" in text_of(lines, "ledger", ok=True)
        relay.lie(lies.Precision(10))
        text = text_of(await check_lines(empty, side, side.chain.url, relay.url), "agreement", ok=False)
        assert "the precision of the core asset is 10; on this chain it is 5, by" in text
        assert not empty.exists()


async def test_trust_line_says_how_far_a_node_is_believed(tmp_path: Path) -> None:
    async with with_relay(tmp_path) as (side, relay):
        first, known = tmp_path / "none", tmp_path
        for folder, urls, options, says in (
            (first, (), {}, OWN),
            (first, (side.chain.url, relay.url), STRANGERS, STRANGER),
            (first, (), STRANGERS, f"{LONE}; {AT_FIRST_CONTACT}"),
            (known, (), STRANGERS, LONE),
        ):
            lines = await check_lines(folder, side, *urls, **options)
            assert {line.text.split(": ", 1)[1] for line in lines if line.name == "trust"} == {says}


@pytest.mark.parametrize(
    ("options", "ok"), [(STRANGERS, True), ({**STRANGERS, **PAYS}, False), (PAYS, None)], ids=["unpaid", "paid", "own"]
)
async def test_missing_assertions_fail_where_a_stranger_needs_them(
    tmp_path: Path, options: dict[str, Any], *, ok: bool | None
) -> None:
    async with with_relay(tmp_path, parameters=ChainParameters(max_predicate_opcode=0)) as (side, _):
        lines = await check_lines(tmp_path, side, **options)
        assert [line.ok for line in lines if line.name == "assertions"] == ([] if ok is None else [ok])
        assert ok is None or NO_ASSERTIONS in text_of(lines, "assertions", ok=ok)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"max_account_fee": Decimal(5)},
            "costs 5.13671 TEST now, more than max_account_fee allows (5 TEST)",
        ),
        ({"max_account_fee": Decimal(19), **PAYS}, "A transfer costs 20 TEST now"),
        ({"max_account_fee": Decimal("0.5"), **PAYS, **STRANGERS}, "An assertion costs 1 TEST now"),
    ],
)
async def test_fee_above_the_ceiling_fails(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    async with with_relay(tmp_path) as (side, _):
        assert words in text_of(await check_lines(tmp_path, side, **options), "fee", ok=False)


async def test_ceiling_comes_from_the_ledger(tmp_path: Path) -> None:
    """Without a ledger there is nothing to compare a fee with."""

    async with with_relay(tmp_path, lies.Fees(3)) as (side, relay):
        lines = await check_lines(tmp_path, side, relay.url, **STRANGERS)
        assert "more than max_account_fee allows (10.27342 TEST)" in text_of(lines, "fee", ok=False)
        assert "fee" not in failing(await check_lines(tmp_path / "none", side, relay.url, **STRANGERS))


async def test_budget_left_comes_from_the_ledger(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        budget: dict[str, Any] = {"daily_budget": DailyBudget(amount=Decimal(100))}
        text = text_of(await check_lines(tmp_path, side, **budget), "budget", ok=True)
        assert "100 TEST are left of today's budget of 100 TEST, for 19 more signups" in text
        (job,) = await side.accept("alice-1")
        await spend(side.ledger, job, 95_00000)
        text = text_of(await check_lines(tmp_path, side, **budget), "budget", ok=False)
        assert "The daily budget of 100 TEST is spent" in text


async def test_restarted_chain_fails(tmp_path: Path) -> None:
    async with with_relay(tmp_path) as (side, relay):
        await side.block(60)
        relay.lie(lies.HeadBehind(60))
        text = text_of(await check_lines(tmp_path, side, relay.url), "ledger", ok=False)
        assert "if the chain was started anew, use a new ledger" in text


async def test_ledger_of_another_version_is_not_migrated(tmp_path: Path) -> None:
    async with chain_side(tmp_path / "side") as side:
        ledger = await Ledger.open(tmp_path / "faucet.db")
        await ledger._store.execute("PRAGMA user_version = 2")
        await ledger.close()
        before = (tmp_path / "faucet.db").read_bytes()
        text = text_of(await check_lines(tmp_path, side), "ledger", ok=True)
        assert "the ledger has version 2, and is migrated when the faucet starts" in text
        assert (tmp_path / "faucet.db").read_bytes() == before
        (tmp_path / "faucet.db").write_bytes(b"no database" * 1000)
        assert "file is not a database" in text_of(await check_lines(tmp_path, side), "ledger", ok=False)


async def test_reading_the_ledger_writes_nothing(tmp_path: Path) -> None:
    async with with_relay(tmp_path):
        looked_at = await Ledger.open_to_read(tmp_path / "faucet.db")
        assert await looked_at.pins.all()
        with pytest.raises(Exception, match="can't be written"):
            await looked_at.pins.save({"prefix": "BTS"}, agreed=True)
        await looked_at.close()
    assert [path.name for path in tmp_path.glob("faucet.db*")] == ["faucet.db"]
