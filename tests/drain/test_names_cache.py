"""The cache of all names on the chain."""

from pathlib import Path

import pytest

from devchain import database
from jobs.blocks.names import PAGE, NamesCache
from jobs.chain_status import ChainStatusPublisher
from jobs.errors import Code
from tests.harness.chain_harness import chain_side
from tests.harness.program import keys_of

STRANGER = keys_of("stranger")["owner_key"]


async def test_names_cache_fill_resumes(tmp_path: Path) -> None:
    """An interrupted read resumes after its last page, and pages are never read twice."""

    async with chain_side(tmp_path) as side:
        side.chain.control.set_balance("referrer", 10**12)
        for number in range(PAGE + 50):
            side.chain.control.register(f"old-{number:04}", STRANGER)
        await side.block()
        chain_status = ChainStatusPublisher(side.ledger.chain_status, clock=lambda: 0.0)
        names = NamesCache(
            link=side.link, node=side.node, names=side.ledger.names, chain_status=chain_status, confirmed=side.confirmed
        )
        read = side.node.names_page

        async def only_one_page(after: str, limit: int) -> list[tuple[str, str]]:
            if after:
                raise ZeroDivisionError
            return await read(after, limit)

        side.node.names_page = only_one_page  # type: ignore[method-assign]  # the program stops after a page
        with pytest.raises(ZeroDivisionError):
            await names.fill()
        side.node.names_page = read  # type: ignore[method-assign]
        assert side.node.calls["lookup_accounts"] == 1
        await names.fill()
        assert side.node.calls["lookup_accounts"] == 2
        assert chain_status.now.names_complete
        for name in ("old-0000", f"old-{PAGE + 49:04}", "committee-account", "witness-account"):
            assert await side.ledger.names.availability(name) == (Code.ACCOUNT_EXISTS, None)
        await names.fill()
        assert side.node.calls["lookup_accounts"] == 2


@pytest.mark.usefixtures("both_flavours")
@pytest.mark.parametrize(("limit", "page"), [(150, 100), (3, 2)])
async def test_page_size_adapts_to_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, page: int
) -> None:
    monkeypatch.setattr(database, "MAX_LOOKUP", limit)

    async with chain_side(tmp_path) as side:
        side.chain.control.set_balance("referrer", 10**12)
        names = [f"old-{number:04}" for number in range(page + 5)]
        for name in names:
            side.chain.control.register(name, keys_of("stranger")["owner_key"])
        side.chain.control.produce()
        chain_status = ChainStatusPublisher(side.ledger.chain_status, clock=lambda: 0.0)
        await NamesCache(
            link=side.link, node=side.node, names=side.ledger.names, chain_status=chain_status, confirmed=side.confirmed
        ).fill()
        assert chain_status.now.names_complete
        assert set(await side.ledger.names.account_ids(names)) == set(names)


async def test_names_in_later_blocks_are_added(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        side.chain.control.register("new-1", STRANGER)
        await side.block()
        assert await side.ledger.names.availability("new-1") == (Code.ACCOUNT_EXISTS, None)
        assert await side.ledger.names.availability("free-1") == (None, None)
