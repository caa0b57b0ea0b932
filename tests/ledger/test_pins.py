"""What the ledger pins of a chain at first contact, and whose names it believes."""

from pathlib import Path

import pytest

from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.model.chain import Pin
from jobs.model.transaction import BlockEffects
from tests.harness.ledgers import FREE, code_of, opened, signup

pytestmark = pytest.mark.usefixtures("each_engine")


async def test_confirmed_pin_is_never_replaced(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.pins.save({"precision": "5"}, agreed=True)
        await ledger.pins.save({"precision": "10"}, agreed=True)
        await ledger.pins.save({"precision": "3", "symbol": "TEST"}, agreed=False)
        assert await ledger.pins.all() == {"precision": Pin("5", agreed=True), "symbol": Pin("TEST", agreed=False)}


async def test_unconfirmed_value_is_replaced_by_a_confirmed_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.pins.save({"precision": "10"}, agreed=False)
        await ledger.pins.save({"precision": "11"}, agreed=False)
        assert await ledger.pins.all() == {"precision": Pin("10", agreed=False)}
        await ledger.pins.save({"precision": "5"}, agreed=True)
        assert await ledger.pins.all() == {"precision": Pin("5", agreed=True)}


async def test_lowest_fees_only_fall_and_only_when_agreed(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.pins.save_lowest_fees({"transfer": 20}, agreed=False)
        await ledger.pins.save_lowest_fees({"transfer": 1, "assert": 7}, agreed=False)
        assert await ledger.pins.lowest_fees() == {"transfer": 20, "assert": 7}
        await ledger.pins.save_lowest_fees({"transfer": 30}, agreed=True)
        assert await ledger.pins.lowest_fees() == {"transfer": 30, "assert": 7}
        await ledger.pins.save_lowest_fees({"transfer": 40}, agreed=True)
        await ledger.pins.save_lowest_fees({"transfer": 25}, agreed=True)
        assert await ledger.pins.lowest_fees() == {"transfer": 25, "assert": 7}


async def is_refused(ledger: Ledger, name: str) -> bool:
    """Whether a signup of `name` is refused, and the page of the name says the same."""
    refused = await code_of(ledger.signups.check(signup(name), FREE)) is Code.ACCOUNT_EXISTS
    assert (await ledger.names.availability(name))[0] == (Code.ACCOUNT_EXISTS if refused else None)
    return refused


async def test_names_of_an_untrusted_node_count_while_it_is_in_use(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.names.use_source("ws://liar", anew=True)
        await ledger.names.save_page([("listed-1", "1.2.100")], "listed-1", listed_by="ws://liar")
        await ledger.blocks.follow([BlockEffects(1, "01", {}, (("shown-1", "1.2.101"),), seen_by="ws://liar")], 0)
        assert [await is_refused(ledger, name) for name in ("listed-1", "shown-1")] == [True, True]
        await ledger.names.use_source("ws://other", anew=True)
        assert [await is_refused(ledger, name) for name in ("listed-1", "shown-1")] == [False, False]
        assert await ledger.names.cursor() == ""
        await ledger.names.save_page([("listed-1", "1.2.100")], "listed-1", listed_by="ws://other")
        await ledger.names.use_source(None, anew=False)
        assert [await is_refused(ledger, name) for name in ("listed-1", "shown-1")] == [True, False]


async def test_names_of_an_own_node_are_permanent(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.names.save_page([("own-1", "1.2.100")], "own-1")
        await ledger.names.use_source("ws://stranger", anew=False)
        await ledger.names.save_page([("own-1", "1.2.100")], "own-1", listed_by="ws://stranger")
        assert await is_refused(ledger, "own-1")
        await ledger.names.use_source("ws://other", anew=False)
        assert await is_refused(ledger, "own-1")


async def test_names_of_refollowed_blocks_count_when_shown_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        accounts = (("true-1", "1.2.100"), ("made-up-1", "1.2.101"))
        await ledger.blocks.follow([BlockEffects(7, "07", {}, accounts)], 7)
        assert await ledger.operators.refollow(by="ann") == 1
        assert await ledger.blocks.last() is None
        assert [await is_refused(ledger, name) for name, _ in accounts] == [False, False]
        await ledger.blocks.follow([BlockEffects(7, "17", {}, accounts[:1])], 7)
        assert [await is_refused(ledger, name) for name, _ in accounts] == [True, False]
