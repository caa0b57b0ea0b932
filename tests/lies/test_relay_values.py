"""The lying node's lies about the chain, accounts and amounts are told while they are on."""

from typing import Any

import pytest

from tests.harness.dev_chain import (
    PLAIN,
    REGISTRAR,
    SOMEBODY,
    payment,
    registration,
)
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie
from tests.harness.lying.relayed_chain import ALICE, BOB, PAID_IN, PAYMENT, relayed_chain


def at(value: Any, *path: str | int) -> Any:
    """The value at `path`."""
    for step in path:
        value = value[step]
    return value


OWNER, ACTIVE = ("owner", "key_auths"), ("active", "key_auths")
NAMES = ("lookup_account_names", ["alice-1", "nobody-1"])
BLOCK = ("get_block", PAID_IN)
REGISTERED = ("transactions", 0, "operation_results")
HEAD = ("get_dynamic_global_properties",)
PARAMETERS = ("get_global_properties",)


#: A lie, a call, and the value then found at a path of its result.
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
async def test_lie_lasts_until_it_is_healed(
    lie: Lie, call: tuple[Any, ...], path: tuple[str | int, ...], value: Any
) -> None:
    async with relayed_chain() as this:
        truth = await this.get(*call)
        this.relay.lie(lie)
        lied = await this.get(*call)
        assert at(lied, *path) == value
        assert lied != truth
        this.relay.heal()
        assert await this.get(*call) == truth


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
async def test_lie_changes_only_its_own_calls(lie: Lie) -> None:
    async with relayed_chain() as this:
        calls = (
            ("lookup_account_names", ["bob-1", "nobody-1"]),
            ("get_objects", [BOB, "1.3.0"]),
            ("lookup_accounts", "bob", 1),
            ("get_account_balances", REGISTRAR, ["1.3.0"]),
        )
        truth = [await this.get(*call) for call in calls]
        this.relay.lie(lie)
        assert [await this.get(*call) for call in calls] == truth


async def test_fees_differ_by_kind_and_place() -> None:
    async with relayed_chain() as this:
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


async def test_longer_pages_continue_after_the_true_names() -> None:
    async with relayed_chain() as this:
        truth = await this.get("lookup_accounts", "", 5)
        this.relay.lie(lies.LongerPages(times=3))
        page = await this.get("lookup_accounts", "", 5)
        assert (page[:5], len(page)) == (truth, 15)


async def test_endless_names_fill_every_page() -> None:
    async with relayed_chain() as this:
        this.relay.lie(lies.EndlessNames())
        names: list[str] = [""]
        for _ in range(5):
            page = await this.get("lookup_accounts", names[-1], 10)
            assert len(page) == 10
            names += [name for name, _ in page if name != names[-1]]
        assert names == sorted(set(names))
