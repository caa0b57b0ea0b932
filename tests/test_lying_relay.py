"""The lying node itself: each lie is heard as long as it is on, and the truth afterwards."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chain.devchain import DevChain
from chain.errors import Refused
from chain.link import Call, Link
from chain.node import Node
from chain.transactions import parse_time
from tests.devchain import (
    PLAIN,
    REFERRER,
    REGISTRAR,
    SOMEBODY,
    Client,
    new_dev_chain,
    payment,
    register,
    registration,
    signed,
)
from tests.lying import grammar, lies
from tests.lying.conversation import decode
from tests.lying.lie import Ask, Lie, Request
from tests.lying.relay import Relay
from tests.support import run

ALICE, BOB = "1.2.10", "1.2.11"
PAID_IN = 2  #: the block of the payment; ALICE and BOB are registered in block 2 too
PAYMENT = 150_000


@dataclass
class Scene:
    """A dev chain with two accounts and a payment, a relay before it, and a client of the relay."""

    chain: DevChain
    relay: Relay
    client: Client

    async def get(self, method: str, *arguments: Any) -> Any:
        return await self.client.get(0, method, *arguments)

    async def block(self, number: int) -> Any:
        return await self.get("get_block", number)

    async def head(self) -> Any:
        return await self.get("get_dynamic_global_properties")

    async def broadcast(self, transaction: dict[str, Any]) -> dict[str, Any]:
        return await self.client.ask("network_broadcast", "broadcast_transaction", transaction)

    def registration(self, name: str) -> dict[str, Any]:
        return signed(self.chain.chain, registration(self.chain.chain, name))


@contextlib.asynccontextmanager
async def scene(*, blocks: int = 10) -> AsyncIterator[Scene]:
    chain = new_dev_chain()
    register(chain.chain, "alice-1", "bob-1")
    chain.chain.push(signed(chain.chain, payment(chain.chain, PAYMENT, receiver=ALICE)))
    chain.control.produce(blocks)
    await chain.start()
    try:
        async with Relay(chain.url) as relay, client_of(relay.url) as client:
            yield Scene(chain, relay, client)
    finally:
        await chain.stop()


@contextlib.asynccontextmanager
async def client_of(url: str) -> AsyncIterator[Client]:
    async with connect(url, max_size=None, proxy=None, ping_interval=None, compression=None) as socket:
        yield Client(socket)


@contextlib.asynccontextmanager
async def linked(url: str) -> AsyncIterator[Node]:
    """The faucet's own client."""

    async def take_any(_: Call) -> None: ...

    link = Link([url], greet=take_any, on_block=lambda: None, timeout=5)
    running = asyncio.create_task(link.run())
    try:
        await link.wait_connected()
        yield Node(link.call)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def at(value: Any, *path: str | int) -> Any:
    """What `path` leads to."""
    for step in path:
        value = value[step]
    return value


OWNER, ACTIVE = ("owner", "key_auths"), ("active", "key_auths")
NAMES = ("lookup_account_names", ["alice-1", "nobody-1"])
BLOCK = ("get_block", PAID_IN)
REGISTERED = ("transactions", 0, "operation_results")
HEAD = ("get_dynamic_global_properties",)
PARAMETERS = ("get_global_properties",)

#: A lie, a call, and what it then says where.
SAYS: list[tuple[Lie, tuple[Any, ...], tuple[str | int, ...], Any]] = [
    (lies.Precision(10), ("get_objects", ["1.3.0"]), (0, "precision"), 10),
    (lies.Precision(10), ("lookup_asset_symbols", ["PPY"]), (0, "precision"), 10),
    (lies.Precision(10), ("get_config",), ("GRAPHENE_BLOCKCHAIN_PRECISION",), 10**10),
    (lies.Symbol("BTC"), ("get_objects", ["1.3.0"]), (0, "symbol"), "BTC"),
    (lies.Symbol("BTC"), ("get_config",), ("GRAPHENE_SYMBOL",), "BTC"),
    (lies.Prefix("BTS"), ("get_config",), ("GRAPHENE_ADDRESS_PREFIX",), "BTS"),
    (lies.ChainId("00" * 32), ("get_chain_properties",), ("chain_id",), "00" * 32),
    (lies.ChainId("00" * 32), ("get_chain_id",), (), "00" * 32),
    (lies.ChainId("00" * 32), ("get_objects", ["2.11.0"]), (0, "chain_id"), "00" * 32),
    (lies.AccountId("alice-1", PLAIN), NAMES, (0, "id"), PLAIN),
    (lies.AccountId("alice-*", PLAIN), ("get_account_by_name", "alice-1"), ("id",), PLAIN),
    (lies.AccountId("alice-1", PLAIN), ("lookup_accounts", "alice-1", 1), (0,), ["alice-1", PLAIN]),
    (lies.AccountId("alice-1", PLAIN), ("get_objects", [PLAIN]), (0, "name"), "alice-1"),
    (lies.SwappedIds("faucet", "bob-1"), ("get_account_by_name", "faucet"), ("id",), BOB),
    (lies.SwappedIds("faucet", "bob-1"), ("lookup_account_names", ["faucet", "bob-1"]), (1, "id"), REGISTRAR),
    (lies.SwappedIds("faucet", "bob-1"), ("get_objects", [BOB]), (0, "name"), "faucet"),
    (lies.SwappedIds("faucet", "bob-1"), ("lookup_accounts", "bob-1", 1), (0, 1), REGISTRAR),
    (lies.AccountKeys("alice-1", "KEY"), NAMES, (0, *OWNER), [["KEY", 1]]),
    (lies.AccountKeys("alice-1", "KEY"), NAMES, (0, "options", "memo_key"), "KEY"),
    (lies.AccountKeys("alice-1", "KEY", ("active",)), NAMES, (0, *ACTIVE), [["KEY", 1]]),
    (lies.Weights("alice-1", threshold=2), NAMES, (0, "active", "weight_threshold"), 2),
    (lies.Weights("alice-1", weight=3), NAMES, (0, *OWNER), [[SOMEBODY, 3]]),
    (lies.AddedAuthority("alice-1", BOB), NAMES, (0, "owner", "account_auths"), [[BOB, 1]]),
    (lies.AddedAuthority("alice-1", "KEY", "key_auths", 2), NAMES, (0, *ACTIVE, 1), ["KEY", 2]),
    (lies.Membership("faucet"), ("get_account_by_name", "faucet"), ("membership_expiration_date",), lies.NEVER),
    (lies.Membership("*", lies.FOREVER), NAMES, (0, "membership_expiration_date"), lies.FOREVER),
    (lies.TakenNames(), NAMES, (1, "name"), "nobody-1"),
    (lies.TakenNames("nobody-*", PLAIN), ("get_account_by_name", "nobody-1"), ("id",), PLAIN),
    (lies.FreeNames("alice-1"), NAMES, (0,), None),
    (lies.FreeNames("alice-1"), ("lookup_accounts", "alice-1", 1), (), []),
    (lies.ResultIds("alice-1", PLAIN), BLOCK, REGISTERED, [[1, PLAIN], [1, BOB]]),
    (lies.ResultIds("*", PLAIN), BLOCK, REGISTERED, [[1, PLAIN], [1, PLAIN]]),
    (lies.RotatedResults(), BLOCK, REGISTERED, [[1, BOB], [1, ALICE]]),
    (lies.ShiftedResults(5), BLOCK, REGISTERED, [[1, "1.2.15"], [1, "1.2.16"]]),
    (lies.NoResults(), BLOCK, REGISTERED, [[0, {}], [0, {}]]),
    (lies.NoResults(kept=False), BLOCK, REGISTERED, []),
    (lies.HiddenTransactions(), BLOCK, ("transactions",), []),
    (lies.HiddenTransactions(REGISTRAR), BLOCK, ("transactions",), []),
    (lies.HeadTime(3600), BLOCK, ("timestamp",), "2023-11-14T23:13:22"),
    (lies.HeadTime(-3600), HEAD, ("time",), "2023-11-14T21:13:31"),
    (lies.HigherBlocks(ahead=20), HEAD, ("head_block_number",), 31),
    (lies.HigherBlocks(up_to=500), HEAD, ("head_block_number",), 500),
    (lies.HigherBlocks(ahead=20), ("get_block", 31), ("transactions",), []),
    (lies.HigherBlocks(ahead=20), ("get_objects", ["2.1.0"]), (0, "head_block_number"), 31),
    (lies.HeadBehind(5), HEAD, ("head_block_number",), 6),
    (lies.HeadBehind(50), HEAD, ("head_block_number",), 1),
    (lies.HeadBehind(5), ("get_block", 7), (), None),
    (lies.Irreversible(), HEAD, ("last_irreversible_block_num",), 11),
    (lies.Irreversible(-7), HEAD, ("last_irreversible_block_num",), 18),
    (lies.Fork(2, transactions=False), BLOCK, ("transactions",), []),
    (lies.ChainParameter("max_predicate_opcode", 0), PARAMETERS, ("parameters", "max_predicate_opcode"), 0),
    (lies.ChainParameter("accounts_per_fee_scale", 1), PARAMETERS, ("parameters", "accounts_per_fee_scale"), 1),
    (lies.RegisteredAccounts(999), HEAD, ("accounts_registered_this_interval",), 999),
    (lies.Balance(times=2), ("get_account_balances", ALICE, ["1.3.0"]), (0, "amount"), 2 * PAYMENT),
    (lies.Balance(fixed=7), ("get_named_account_balances", "alice-1", ["1.3.0"]), (0, "amount"), 7),
    (lies.MadeUpNames(("alice-0", "alice-2")), ("lookup_accounts", "alice", 2), (0, 0), "alice-0"),
    (lies.MadeUpNames(("alice-0", "alice-2")), ("lookup_accounts", "alice-1", 2), (1, 0), "alice-2"),
    (lies.EndlessNames(), ("lookup_accounts", "zz-000000000007", 3), (2, 0), "zz-000000000009"),
    (lies.WrongValue("get_block", ("previous",), "2**70"), BLOCK, ("previous",), 2**70),
    (lies.WrongValue("get_block", (), "word"), BLOCK, (), "many"),
    (lies.LongText("symbol", 300), ("get_objects", ["1.3.0"]), (0, "symbol"), "x" * 300),
    (lies.LongText("name", 300), NAMES, (0, "name"), "x" * 300),
]


@pytest.mark.parametrize(("lie", "call", "path", "value"), SAYS, ids=lambda value: str(value)[:60])
def test_lie_is_heard_until_it_is_healed(
    lie: Lie, call: tuple[Any, ...], path: tuple[str | int, ...], value: Any
) -> None:
    async def scenario() -> None:
        async with scene() as this:
            truth = await this.get(*call)
            this.relay.lie(lie)
            lied = await this.get(*call)
            assert at(lied, *path) == value
            assert lied != truth
            this.relay.heal()
            assert await this.get(*call) == truth

    run(scenario())


@pytest.mark.parametrize(
    "lie",
    [
        lies.AccountId("alice-1", PLAIN),
        lies.SwappedIds("faucet", "referrer"),
        lies.AccountKeys("faucet", "KEY"),
        lies.TakenNames("somebody-*"),
        lies.Balance(times=2, account=ALICE),
        lies.MadeUpNames(("alice-0",)),
    ],
    ids=repr,
)
def test_lie_leaves_others_alone(lie: Lie) -> None:
    async def scenario() -> None:
        async with scene() as this:
            calls = (
                ("lookup_account_names", ["bob-1", "nobody-1"]),
                ("get_objects", [BOB, "1.3.0"]),
                ("lookup_accounts", "bob", 1),
                ("get_account_balances", REGISTRAR, ["1.3.0"]),
            )
            truth = [await this.get(*call) for call in calls]
            this.relay.lie(lie)
            assert [await this.get(*call) for call in calls] == truth

    run(scenario())


def test_fees_differ_by_kind_and_place() -> None:
    async def scenario() -> None:
        async with scene() as this:
            operations = [registration(this.chain.chain, "carol-1"), payment(this.chain.chain, 1)]
            call = ("get_required_fees", operations, "1.3.0")
            create, transfer = [fee["amount"] for fee in await this.get(*call)]
            schedule = dict(at(await this.get(*PARAMETERS), "parameters", "current_fees", "parameters"))

            this.relay.lie(lies.Fees(times=3, kinds=(lies.TRANSFER,), places=(lies.REQUIRED,)))
            assert [fee["amount"] for fee in await this.get(*call)] == [create, 3 * transfer]
            assert dict(at(await this.get(*PARAMETERS), "parameters", "current_fees", "parameters")) == schedule

            this.relay.heal()
            this.relay.lie(lies.Fees(fixed=9, kinds=(lies.ACCOUNT_CREATE,), places=(lies.SCHEDULE,)))
            assert [fee["amount"] for fee in await this.get(*call)] == [create, transfer]
            lied = dict(at(await this.get(*PARAMETERS), "parameters", "current_fees", "parameters"))
            assert lied == {**schedule, 5: {"basic_fee": 9, "premium_fee": 9, "price_per_kbyte": 9}}

    run(scenario())


def test_garbling_lies_come_last() -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.WrongValue("get_dynamic_global_properties", (), "word"), lies.HigherBlocks(ahead=20))
            assert await this.head() == "many"
            assert (await this.block(31))["transactions"] == []

    run(scenario())


def test_lies_are_stacked() -> None:
    """Irreversible is what the head beneath it says, which is made up."""

    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.HigherBlocks(ahead=20))
            this.relay.lie(lies.Irreversible(lag=1))
            head = await this.head()
            assert (head["head_block_number"], head["last_irreversible_block_num"]) == (31, 30)
            assert this.relay.lied == {"HigherBlocks": 1, "Irreversible": 1}

    run(scenario())


@pytest.mark.parametrize(
    "lie",
    [
        lies.HigherBlocks(ahead=20),
        lies.HigherBlocks(up_to=25, seconds=3),
        lies.HeadBehind(4),
        lies.Fork(5),
        lies.Fork(1, transactions=False),
        lies.MadeUpTransfer(PLAIN, 5),
        lies.HeadTime(60),
    ],
    ids=repr,
)
def test_blocks_are_linked_up_to_the_head(lie: Lie) -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lie)
            head = await this.head()
            number = head["head_block_number"]
            blocks = [await this.block(place) for place in range(1, number + 1)]
            assert await this.block(number + 1) is None
            ids = [block["previous"] for block in blocks[1:]] + [head["head_block_id"]]
            assert [int(block_id[:8], 16) for block_id in ids] == list(range(1, number + 1))
            times = [parse_time(block["timestamp"]) for block in blocks]
            assert times == sorted(set(times))
            assert head["time"] == blocks[-1]["timestamp"]
            headers = [await this.get("get_block_header", place) for place in range(1, number + 1)]
            assert [header["previous"] for header in headers] == [block["previous"] for block in blocks]

    run(scenario())


def test_fork_has_other_ids_from_its_start_on_in_notices_too() -> None:
    async def scenario() -> None:
        async with scene() as this:
            await this.get("set_block_applied_callback", 1)
            truth = [await this.block(number) for number in range(1, 12)]
            this.relay.lie(lies.Fork(5, "salt"))
            lied = [await this.block(number) for number in range(1, 12)]
            changed = [one["previous"] != other["previous"] for one, other in zip(lied, truth, strict=True)]
            assert changed == [False] * 5 + [True] * 6  # what block 6 calls the previous one is block 5
            this.chain.control.produce()
            notice = await this.client.notice()
            assert notice == [1, [(await this.head())["head_block_id"]]]
            assert notice != [1, [this.chain.chain.head_id]]

    run(scenario())


def test_true_blocks_take_the_places_of_higher_ones() -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.HigherBlocks(up_to=14))
            made_up = await this.block(13)
            this.chain.control.produce(2)
            assert (await this.block(14))["previous"] == this.chain.chain.head_id
            assert (await this.block(13))["previous"] != made_up["previous"]
            this.chain.control.produce(5)
            assert (await this.head())["head_block_number"] == 18

    run(scenario())


def test_hidden_transaction_leaves_the_others_whole() -> None:
    async def scenario() -> None:
        async with scene() as this:
            truth = (await this.block(PAID_IN))["transactions"]
            assert len(truth) == 2
            this.relay.lie(lies.HiddenTransactions(signature=truth[0]["signatures"][0]))
            assert (await this.block(PAID_IN))["transactions"] == truth[1:]
            this.relay.heal()
            this.relay.lie(lies.HiddenTransactions(account=REFERRER))
            assert (await this.block(PAID_IN))["transactions"] == truth

    run(scenario())


def test_made_up_transactions_look_like_signed_ones() -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.MadeUpTransfer(PLAIN, 5, every=2), lies.MadeUpRegistration("eve-1", "1.2.99", SOMEBODY))
            async with linked(this.relay.url) as node:
                even, odd = await node.block(4), await node.block(5)
            assert even is not None
            assert odd is not None
            transfer, created = even.transactions
            assert [result for entry in (transfer, created) for result in entry.results] == [None, "1.2.99"]
            assert transfer.operations[0][1]["to"] == PLAIN
            assert created.operations[0][1]["name"] == "eve-1"
            assert len(bytes.fromhex(transfer.signatures[0])) == 65
            assert transfer.ref_block_num == 3
            assert transfer.ref_block_prefix == int.from_bytes(bytes.fromhex(even.previous)[4:8], "little")
            assert len(odd.transactions) == 1

    run(scenario())


def test_false_inclusion_shows_what_was_never_sent() -> None:
    async def scenario() -> None:
        async with scene() as this:
            transaction = this.registration("carol-1")
            this.relay.lie(lies.FalseInclusion(first_id=77))
            assert (await this.broadcast(transaction))["result"] is None
            this.chain.control.produce()
            assert (await this.block(11))["transactions"] == []  # it refers to this one
            (included,) = (await this.block(12))["transactions"]
            assert included == {**transaction, "operation_results": [[1, "1.2.77"]]}
            assert (await this.block(12))["transactions"] == [included]
            assert this.chain.chain.state.by_name("carol-1") is None

    run(scenario())


def test_lost_broadcast_can_be_replayed() -> None:
    async def scenario() -> None:
        async with scene() as this:
            transaction = this.registration("carol-1")
            this.relay.lie(lies.LostBroadcasts())
            assert (await this.broadcast(transaction))["result"] is None
            assert this.chain.chain.pending == []
            assert this.relay.broadcasts == [transaction]
            assert await this.relay.replay() == [None]
            assert len(this.chain.chain.pending) == 1
            (again,) = await this.relay.replay()
            assert again is not None
            assert "trx_idx" in again

    run(scenario())


@pytest.mark.parametrize("error", lies.ERRORS)
def test_denied_broadcast_is_pending_and_a_refused_one_is_not(error: str) -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.RefusedCalls(error, api="network_broadcast"))
            assert (await this.broadcast(this.registration("carol-1")))["error"] == lies.ERRORS[error]
            assert this.chain.chain.pending == []
            this.relay.heal()
            this.relay.lie(lies.DeniedBroadcasts(error))
            assert (await this.broadcast(this.registration("carol-1")))["error"] == lies.ERRORS[error]
            assert len(this.chain.chain.pending) == 1

    run(scenario())


def test_denied_api_is_denied_by_its_number_too() -> None:
    async def scenario() -> None:
        async with scene() as this:
            number = await this.client.get(1, "network_broadcast")
            this.relay.lie(lies.RefusedCalls("denied", api="network_broadcast"))
            reply = await this.client.ask(number, "broadcast_transaction", {})
            assert reply["error"] == lies.ERRORS["denied"]
            assert (await this.head())["head_block_number"] == 11

    run(scenario())


@pytest.mark.parametrize("lie", [lies.Unanswered("get_block"), lies.Unanswered("get_block", forwarded=True)], ids=repr)
def test_unanswered_call_holds_up_no_other(lie: Lie) -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lie)
            await this.client.send({"id": 1000, "method": "call", "params": [0, "get_block", [1]]})
            assert (await this.head())["head_block_number"] == 11

    run(scenario())


def test_delayed_reply_comes_after_a_later_one() -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.Delayed(0.05, "get_block"))
            await this.client.send({"id": 1000, "method": "call", "params": [0, "get_block", [1]]})
            assert (await this.head())["head_block_number"] == 11
            assert (await this.client.receive())["id"] == 1000

    run(scenario())


@pytest.mark.parametrize("forwarded", [True, False])
def test_dropped_call_loses_the_connection(forwarded: bool) -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.Dropped("broadcast_transaction", forwarded=forwarded))
            with pytest.raises(ConnectionClosed):
                await this.broadcast(this.registration("carol-1"))
            assert len(this.chain.chain.pending) == forwarded

    run(scenario())


def test_longer_pages_go_on_after_the_true_names() -> None:
    async def scenario() -> None:
        async with scene() as this:
            truth = await this.get("lookup_accounts", "", 5)
            this.relay.lie(lies.LongerPages(times=3))
            page = await this.get("lookup_accounts", "", 5)
            assert (page[:5], len(page)) == (truth, 15)

    run(scenario())


def test_names_never_end() -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.EndlessNames())
            names: list[str] = [""]
            for _ in range(5):
                page = await this.get("lookup_accounts", names[-1], 10)
                assert len(page) == 10
                names += [name for name, _ in page if name != names[-1]]
            assert names == sorted(set(names))

    run(scenario())


@pytest.mark.parametrize("kind", lies.GARBAGE)
def test_garbage_is_listed_as_it_is(kind: str) -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.GarbageNames(kind))
            await this.client.send({"id": 1, "method": "call", "params": [0, "lookup_accounts", ["", 10]]})
            assert json.loads(await this.client.socket.recv())["result"] == lies.GARBAGE[kind]

    run(scenario())


@pytest.mark.parametrize("value", lies.WRONG_VALUES)
def test_wrong_value_arrives_as_it_is(value: str) -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.WrongValue("get_required_fees", (0, "amount"), value))
            await this.client.send({"id": 1, "method": "call", "params": [0, "get_required_fees", [[], "1.3.0"]]})
            assert json.loads(await this.client.socket.recv())["result"] == []  # there is no such place
            this.relay.heal()
            this.relay.lie(lies.WrongValue("get_chain_id", (), value))
            await this.client.send({"id": 1, "method": "get_chain_id", "params": []})
            assert json.loads(await this.client.socket.recv())["result"] == lies.WRONG_VALUES[value]

    run(scenario())


def test_missing_member_is_missing() -> None:
    async def scenario() -> None:
        async with scene() as this:
            truth = await this.head()
            this.relay.lie(lies.MissingMember("get_dynamic_global_properties", ("time",)))
            assert truth.keys() - (await this.head()).keys() == {"time"}

    run(scenario())


@pytest.mark.parametrize(
    ("lie", "size"),
    [
        (lies.HugeFrame(3), 3_000_000),
        (lies.HugeFrame(3, numbers=True), 3_000_000),
        (lies.DeepNesting(100_000), 200_000),
        (lies.Garbage("x" * 50), 50),
    ],
    ids=repr,
)
def test_frame_is_as_long_as_it_says(lie: Lie, size: int) -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lie)
            await this.client.send({"id": 1, "method": "call", "params": [0, "get_block", [1]]})
            frame = await this.client.socket.recv()
            assert size <= len(frame) < size + 100

    run(scenario())


@pytest.mark.parametrize("kind", lies.FLOODS)
def test_flood_comes_beside_the_reply_and_ends_with_the_lie(kind: str) -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.Flood(kind))
            await this.client.send({"id": 2**31, "method": "call", "params": [0, "get_chain_id", []]})
            replies = [json.loads(await this.client.socket.recv()).get("id") for _ in range(1000)]
            assert 2**31 in replies
            this.relay.heal()
            await this.client.send({"id": 2**31 + 1, "method": "call", "params": [0, "get_chain_id", []]})
            while json.loads(await this.client.socket.recv()).get("id") != 2**31 + 1:
                pass
            this.chain.control.produce()
            assert (await this.head())["head_block_number"] == 12  # nothing comes between

    run(scenario())


def test_redirect_is_counted_when_it_is_followed() -> None:
    async def scenario() -> None:
        async with scene() as this, Relay(this.chain.url) as other:
            this.relay.lie(lies.Redirect())
            async with client_of(this.relay.url) as client:
                assert await client.get(0, "get_chain_id") == this.chain.chain_id
            assert this.relay.redirects_followed == 1
            this.relay.heal()
            this.relay.lie(lies.Redirect(other.url, status=307))
            async with client_of(this.relay.url) as client:
                await client.get(0, "get_chain_id")
            assert (this.relay.redirects_followed, other.connections) == (1, 1)

    run(scenario())


def test_handshake_is_refused() -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(lies.HandshakeRefused(429))
            with pytest.raises(InvalidStatus, match="429"):
                async with client_of(this.relay.url):
                    pass

    run(scenario())


def test_calls_are_counted_and_waited_for() -> None:
    async def scenario() -> None:
        async with scene() as this:
            waiting = asyncio.create_task(this.relay.called("get_chain_id", 2))
            await this.get("get_chain_id")
            assert not waiting.done()
            this.relay.lie(lies.ChainId("00"))
            told = asyncio.create_task(this.relay.told(lies.ChainId))
            await this.get("get_chain_id")
            await waiting
            await told
            assert this.relay.seen == {"get_chain_id": 2}
            assert this.relay.lied == {"ChainId": 1}

    run(scenario())


def test_relay_drops_its_clients_and_takes_them_again() -> None:
    async def scenario() -> None:
        async with scene() as this:
            await this.head()
            this.relay.disconnect()
            with pytest.raises(ConnectionClosed):
                await this.head()
            async with client_of(this.relay.url) as client:
                await client.get(0, "get_chain_id")
            assert this.relay.connections == 2

    run(scenario())


def test_client_is_dropped_with_the_node() -> None:
    async def scenario() -> None:
        async with scene() as this:
            await this.head()
            this.chain.disconnect()
            with pytest.raises(ConnectionClosed):
                await this.head()

    run(scenario())


def test_frames_that_are_no_calls_get_what_the_node_says() -> None:
    async def scenario() -> None:
        async with scene() as this:
            call = {"method": "call", "params": [0, "get_chain_id", []]}
            messages: tuple[Any, ...] = ("no JSON", [], {}, call, {**call, "id": "1"}, {**call, "id": None})
            for message in messages:
                await this.client.send(message)
            await this.client.send({"id": 7, "method": "call", "params": ["nonsense"]})
            assert "error" in await this.client.receive()
            await this.client.send({"id": 2**40, "method": "get_chain_id", "params": []})
            assert await this.client.receive() == {"id": str(2**40), "jsonrpc": "2.0", "result": this.chain.chain_id}

    run(scenario())


def test_faucets_client_cannot_tell_the_relay_from_the_node() -> None:
    async def scenario() -> None:
        async with scene() as this, linked(this.relay.url) as through, linked(this.chain.url) as directly:
            assert await through.head() == await directly.head()
            assert await through.block(PAID_IN) == await directly.block(PAID_IN)
            assert await through.accounts(["alice-1", "x-1"]) == await directly.accounts(["alice-1", "x-1"])
            refusals = []
            for node in (through, directly):
                with pytest.raises(Refused) as refused:
                    await node.broadcast("{}")
                refusals.append(refused.value.refusal)
            assert refusals[0] == refusals[1]

    run(scenario())


@dataclass(frozen=True)
class _Broken(Lie):
    async def serve(self, _request: Request, _ask: Ask, /) -> Any:
        raise ZeroDivisionError


def test_lie_that_fails_by_itself_fails_the_test() -> None:
    async def scenario() -> None:
        async with scene() as this:
            this.relay.lie(_Broken())
            with pytest.raises(ConnectionClosed):
                await this.head()

    with pytest.raises(ExceptionGroup, match="lies failed"):
        run(scenario())


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


async def _survives(told: list[Lie]) -> None:
    """The relay can tell all of it to a client that asks for everything; then the truth again."""
    async with scene(blocks=3) as this:
        this.relay.lie(*told)
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
    """Make calls that nobody lies about, one after another: by then all calls before are answered."""
    for number in range(10**6, 10**6 + times):
        await client.send({"id": number, "method": "call", "params": ["devchain", "stall", [False]]})
        while decode(await client.socket.recv()).get("id") != number:
            pass


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(grammar.lies("alice-*"), min_size=1, max_size=3))
def test_relay_can_tell_any_lies_together(told: list[Lie]) -> None:
    run(_survives(told))


@pytest.mark.parametrize("seed", range(40))
def test_relay_can_tell_what_the_dice_say(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  # chance, not secrecy
    run(_survives([grammar.random_lie(rng, nuisances=0.7) for _ in range(2)]))


@given(grammar.campaigns(rounds=7))
def test_campaign_is_in_order(steps: list[grammar.Step]) -> None:
    rounds = [step.round for step in steps]
    assert rounds == sorted(rounds)
    assert set(rounds) <= set(range(7))


def test_same_seed_same_lie() -> None:
    def told(seed: int) -> list[str]:
        rng = random.Random(seed)  # noqa: S311  # chance, not secrecy
        return [repr(grammar.random_lie(rng)) for _ in range(50)]

    assert told(1) == told(1)
    assert told(1) != told(2)
