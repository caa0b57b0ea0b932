"""Which APIs a node offers."""

import copy

import pytest

from chain.node import UNKNOWN_METHOD, Node
from chain.open_link import open_link
from chain.refusals import read_refusal
from devchain import DevChain, DevChainSettings
from tests.harness.recordings import ERRORS, Recording


async def offers(node: Node) -> dict[str, str | None]:
    return {api: await node.serves(api) for api in ("database", "network_broadcast", "block_api")}


async def test_api_that_rejects_an_unknown_method_is_offered() -> None:
    recording = Recording(error=copy.deepcopy(ERRORS["unknown method"]["error"]))
    recording.answer["error"]["data"]["stack"][0]["data"]["name"] = UNKNOWN_METHOD
    assert await Node(recording).serves("network_broadcast") is None
    assert recording.calls == [["network_broadcast", UNKNOWN_METHOD, []]]


@pytest.mark.parametrize("case", ["unknown method", "unknown api id", "api by name string (network_broadcast)"])
async def test_api_with_any_other_error_is_not_offered(case: str) -> None:
    """Of an API that it does not know a node says that there is no such method, by the API's name."""
    error = ERRORS[case]["error"]
    assert await Node(Recording(error=error)).serves("block_api") == read_refusal(error).text


async def test_api_that_answers_an_unknown_method_is_not_offered() -> None:
    assert await Node(Recording(result=[])).serves("database") == "answers a method that does not exist"


async def test_dev_chain_offers_its_apis() -> None:
    chain = DevChain(DevChainSettings(block_interval=0))
    await chain.start()
    try:
        async with open_link([chain.url], timeout=5.0) as link:
            offered = await offers(Node(link.call))
    finally:
        await chain.stop()
    missing = "itr != _by_name.end(): no method with name '${name}'"
    assert offered == {"database": None, "network_broadcast": None, "block_api": missing}
