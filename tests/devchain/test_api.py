"""The dev chain answers each recorded call of a real node in the same form."""

from typing import Any

import pytest

from devchain import DevChain
from tests.harness.dev_chain import (
    PLAIN,
    REGISTRAR,
    SOMEBODY,
    Client,
    new_dev_chain,
    payment,
    register,
    registration,
    serving,
    signed,
    text_of,
)
from tests.harness.support import data

SAMPLES: dict[str, Any] = data("node-samples.json")
SAMPLE_TRANSACTION = SAMPLES["get_transaction_hex"]["request"]["params"][2][0]
LONGEST_NUMBER = 20  #: digits of 2^64; longer ones are hashes
#: Members that a real object has for what this chain lacks: sidechains, workers, markets, betting …
ONLY_A_SHARE = {"get_config", "get_global_properties", "get_objects 1.3.0 (core asset)"}


async def ask(client: Client, dev_chain: DevChain, sample: str) -> Any:
    """The dev chain's result of the recorded call, about its own accounts, blocks and transactions."""
    api, method, arguments = SAMPLES[sample]["request"]["params"]
    head = dev_chain.chain.head_number
    own: dict[str, list[Any]] = {
        "get_account_balances": [REGISTRAR, ["1.3.0"]],
        "get_account_history": [REGISTRAR, "1.11.0", 2, "1.11.0"],
        "get_block": [head],
        "get_block_header": [head],
        "get_transaction": [head, 0],
        "validate_transaction": [signed(dev_chain.chain, registration(dev_chain.chain, "bob-1"))],
        "broadcast_transaction_with_callback": [99, signed(dev_chain.chain, payment(dev_chain.chain, 5))],
    }
    as_recorded = sample.endswith("not there yet") or method not in own
    text_arguments = arguments if as_recorded else own[method]
    return await client.get(api, method, *_with_own_names(text_arguments))


def _with_own_names(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_own_names(entry) for entry in value]
    return "faucet" if value == "faucet-registrar" else value


def shape(value: Any) -> Any:
    """The members and types of a value; of a list those of its first entry."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, int) or (isinstance(value, str) and value.isdigit() and len(value) <= LONGEST_NUMBER):
        return type(value).__name__ if isinstance(value, bool) else "number"
    return type(value).__name__


CALLS = sorted(name for name, sample in SAMPLES.items() if isinstance(sample, dict) and "by_id" not in name)


@pytest.mark.parametrize("sample", CALLS)
async def test_result_has_the_shape_of_a_real_nodes(sample: str) -> None:
    async def scenario() -> tuple[Any, Any]:
        dev_chain = new_dev_chain()
        register(dev_chain.chain, "alice-1", "alice-2")
        dev_chain.produce()
        async with serving(dev_chain) as client:
            return await ask(client, dev_chain, sample), SAMPLES[sample]["reply"]["result"]

    ours, theirs = await scenario()
    if sample in ONLY_A_SHARE:
        ours, theirs = shared(ours, theirs)
    assert shape(ours) == shape(theirs)


def shared(ours: Any, theirs: Any) -> tuple[Any, Any]:
    """Both with just the members that ours has, which must all be theirs; of lists the first entry."""
    if isinstance(ours, list) and isinstance(theirs, list):
        pairs = [shared(*pair) for pair in zip(ours[:1], theirs[:1], strict=True)]
        return [our for our, _ in pairs], [their for _, their in pairs]
    if not isinstance(ours, dict):
        return ours, theirs
    pairs_by_name = {key: shared(value, theirs[key]) for key, value in ours.items() if key not in UNLIKE}
    return {k: our for k, (our, _) in pairs_by_name.items()}, {k: their for k, (_, their) in pairs_by_name.items()}


#: Members that are empty here, or were recorded shortened.
UNLIKE = {"current_fees", "extensions", "active_committee_members", "active_sons"}


async def test_bytes_and_id_of_a_recorded_transaction_are_the_same() -> None:
    """Parsed, serialised and hashed as the node did."""

    async def scenario() -> str:
        async with serving(new_dev_chain()) as client:
            hex_digits: str = await client.get(0, "get_transaction_hex", SAMPLE_TRANSACTION)
            return hex_digits

    assert await scenario() == SAMPLES["get_transaction_hex"]["reply"]["result"]


async def test_recorded_fee_is_required() -> None:
    async def scenario() -> Any:
        async with serving(new_dev_chain()) as client:
            arguments = SAMPLES["get_required_fees"]["request"]["params"][2]
            return await client.get(0, "get_required_fees", *arguments)

    assert await scenario() == SAMPLES["get_required_fees"]["reply"]["result"]


async def test_transaction_can_be_queried_until_it_expires() -> None:
    dev_chain = new_dev_chain()
    async with serving(dev_chain) as client:
        transaction = signed(dev_chain.chain, registration(dev_chain.chain, "alice-1"), expires=2)
        transaction_id = dev_chain.chain.push(transaction).transaction.id
        found = []
        for _ in range(4):
            found.append(await client.get(0, "get_recent_transaction_by_id", transaction_id))
            dev_chain.produce()
        assert [entry is None for entry in found] == [False, False, False, True]
        assert {"signatures", "operations", "expiration"} <= set(found[0])


async def test_names_are_paged_in_order() -> None:
    async def scenario() -> list[str]:
        dev_chain = new_dev_chain()
        register(dev_chain.chain, *(f"account-{i:03}" for i in range(50)))
        async with serving(dev_chain) as client:
            names: list[str] = []
            lower = ""
            while page := await client.get("database", "lookup_accounts", lower, 7):
                new = [name for name, _ in page if name not in names]
                if not new:
                    break
                names += new
                lower = names[-1]
            assert "limit" in text_of((await client.ask(0, "lookup_accounts", "", 1001))["error"])
            return names

    names = await scenario()
    assert names == sorted(names)
    assert len(names) == 60


async def test_large_numbers_are_strings() -> None:
    """As on a node: above 2^32 - 1, in balances, in operations and in the number of a call."""

    dev_chain = new_dev_chain()
    async with serving(dev_chain) as client:
        assert await client.get(0, "get_account_balances", REGISTRAR, []) == [
            {"amount": "1000000000000", "asset_id": "1.3.0"}
        ]
        amount = 2**33
        await client.get(3, "broadcast_transaction", signed(dev_chain.chain, payment(dev_chain.chain, amount)))
        dev_chain.produce()
        block = await client.get(0, "get_block", dev_chain.chain.head_number)
        assert block["transactions"][0]["operations"][0][1]["amount"]["amount"] == str(amount)
        await client.send({"id": 2**32, "method": "call", "params": [0, "get_chain_id", []]})
        assert (await client.receive())["id"] == str(2**32)


async def test_account_that_never_had_anything_has_no_balances() -> None:
    async with serving(new_dev_chain()) as client:
        assert await client.get(0, "get_account_balances", PLAIN, []) == []
        assert await client.get(0, "get_account_balances", PLAIN, ["1.3.0"]) == [{"amount": 0, "asset_id": "1.3.0"}]
        named = await client.get(0, "get_named_account_balances", "plain-account1", ["1.3.0"])
        assert named == [{"amount": 0, "asset_id": "1.3.0"}]


async def test_accounts_are_found_by_id_name_and_key() -> None:
    dev_chain = new_dev_chain()
    register(dev_chain.chain, "alice-1", "alice-2")
    async with serving(dev_chain) as client:
        by_id = await client.get(0, "get_accounts", ["1.2.10", "1.2.999"])
        assert [account and account["name"] for account in by_id] == ["alice-1", None]
        assert await client.get(0, "get_key_references", [SOMEBODY, "PPY1"]) == [["1.2.10", "1.2.11"], []]
        assert await client.get(0, "get_account_count") == 12
        objects = await client.get(0, "get_objects", ["2.6.10", "1.2.10", "2.3.0", "1.3.0", "1.6.77", "2.11.0"])
        assert [entry and entry["id"] for entry in objects] == [
            "2.6.10", "1.2.10", "2.3.0", "1.3.0", None, "2.11.0",
        ]  # fmt: skip
        assert await client.get(0, "lookup_asset_symbols", ["PPY", "1.3.0", "BTC"]) == [
            objects[3],
            objects[3],
            None,
        ]
        assert await client.get(0, "get_assets", ["1.3.0"]) == [objects[3]]


async def test_history_is_newest_first_between_start_and_stop() -> None:
    dev_chain = new_dev_chain()
    for i in range(3):
        register(dev_chain.chain, f"alice-{i}-1", f"alice-{i}-2")
        dev_chain.produce()
    async with serving(dev_chain) as client:

        async def numbers(account: str, *marks: Any) -> list[str]:
            return [entry["id"] for entry in await client.get("history", "get_account_history", account, *marks)]

        assert await numbers(REGISTRAR, "1.11.0", 100, "1.11.0") == [f"1.11.{n}" for n in range(6, 0, -1)]
        assert await numbers(REGISTRAR, "1.11.2", 100, "1.11.5") == ["1.11.5", "1.11.4", "1.11.3"]
        assert await numbers(REGISTRAR, "1.11.0", 1, "1.11.-1") == ["1.11.6"]
        assert await numbers("1.2.11", "1.11.0", 100, "1.11.0") == ["1.11.2"]
        error = (await client.ask("history", "get_account_history", REGISTRAR, "1.11.0", 101, "1.11.0"))["error"]
        assert text_of(error).startswith("limit <= 100")


# Notices


async def test_inclusion_is_announced_with_the_block_and_the_results() -> None:
    dev_chain = new_dev_chain()
    chain = dev_chain.chain
    async with serving(dev_chain) as client:
        await client.get(3, "broadcast_transaction_with_callback", 99, signed(chain, registration(chain, "alice-1")))
        dev_chain.produce()
        callback, [notice] = await client.notice()
        real = SAMPLES["notices"][1]["params"][1][0]
        assert callback == 99
        assert (notice["block_num"], notice["trx_num"]) == (chain.head_number, 0)
        assert shape(notice) == shape(real)
