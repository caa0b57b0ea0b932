"""The lying node's blocks: they are linked, and contain what the lie says."""

import pytest

from chain.transactions import parse_time
from tests.harness.dev_chain import (
    PLAIN,
    REFERRER,
    SOMEBODY,
)
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie
from tests.harness.lying.relayed_chain import PAID_IN, node_at, relayed_chain


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
async def test_blocks_are_linked_up_to_the_head(lie: Lie) -> None:
    async with relayed_chain() as this:
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


async def test_fork_has_other_ids_from_its_start_on_in_notices_too() -> None:
    async with relayed_chain() as this:
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


async def test_true_blocks_replace_made_up_higher_ones() -> None:
    async with relayed_chain() as this:
        this.relay.lie(lies.HigherBlocks(up_to=14))
        made_up = await this.block(13)
        this.chain.control.produce(2)
        assert (await this.block(14))["previous"] == this.chain.chain.head_id
        assert (await this.block(13))["previous"] != made_up["previous"]
        this.chain.control.produce(5)
        assert (await this.head())["head_block_number"] == 18


async def test_hidden_transaction_leaves_the_others_unchanged() -> None:
    async with relayed_chain() as this:
        truth = (await this.block(PAID_IN))["transactions"]
        assert len(truth) == 2
        this.relay.lie(lies.HiddenTransactions(signature=truth[0]["signatures"][0]))
        assert (await this.block(PAID_IN))["transactions"] == truth[1:]
        this.relay.heal()
        this.relay.lie(lies.HiddenTransactions(account=REFERRER))
        assert (await this.block(PAID_IN))["transactions"] == truth


async def test_made_up_transactions_have_the_form_of_signed_ones() -> None:
    async with relayed_chain() as this:
        this.relay.lie(lies.MadeUpTransfer(PLAIN, 5, every=2), lies.MadeUpRegistration("eve-1", "1.2.99", SOMEBODY))
        async with node_at(this.relay.url) as node:
            even, odd = await node.block(4), await node.block(5)
        assert even is not None
        assert odd is not None
        transfer, created = even.transactions
        assert [result for entry in (transfer, created) for result in entry.made] == [None, "1.2.99"]
        assert transfer.operations[0][1]["to"] == PLAIN
        assert created.operations[0][1]["name"] == "eve-1"
        assert len(bytes.fromhex(transfer.signatures[0])) == 65
        assert transfer.ref_block_num == 3
        assert transfer.ref_block_prefix == int.from_bytes(bytes.fromhex(even.previous)[4:8], "little")
        assert len(odd.transactions) == 1


async def test_false_inclusion_shows_unbroadcast_transactions() -> None:
    async with relayed_chain() as this:
        transaction = this.registration("carol-1")
        this.relay.lie(lies.FalseInclusion(first_id=77))
        assert (await this.broadcast(transaction))["result"] is None
        this.chain.control.produce()
        assert (await this.block(11))["transactions"] == []  # it refers to this one
        (included,) = (await this.block(12))["transactions"]
        assert included == {**transaction, "operation_results": [[1, "1.2.77"]]}
        assert (await this.block(12))["transactions"] == [included]
        assert this.chain.chain.state.by_name("carol-1") is None
