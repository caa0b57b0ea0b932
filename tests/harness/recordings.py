"""Answers of a real node as they were recorded, played back through the protocol."""

import copy
import json
from typing import Any

from msgspec import Raw

from chain.packing import ACCOUNT_CREATE, ASSERT
from chain.protocol import Session
from tests.harness.support import data

SAMPLES = data("node-samples.json")
ERRORS = data("node-errors.json")
REGISTRAR_KEY = "PPY5roySZzFKTfsamp7VHbBaBYqRLXmWiES9MHWZ9tLmjVzNCUcfA"


class Recording:
    """Answers every call with a recorded reply, encoded and decoded as on the wire."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.calls: list[Any] = []

    async def __call__(self, api: str, method: str, arguments: list[Any]) -> Raw:
        session = Session()
        frame, answer = session.request(api, method, arguments)
        request = json.loads(frame)
        self.calls.append(request["params"])
        session.receive(json.dumps({"id": request["id"], "jsonrpc": "2.0", **self.answer}).encode())
        return await answer


def recorded(name: str) -> Recording:
    return Recording(result=copy.deepcopy(SAMPLES[name]["reply"]["result"]))


def recorded_parameters() -> Recording:
    """The recorded chain parameters, with the fees that the recording lacks."""
    recording = recorded("get_global_properties")
    fees = recording.answer["result"]["parameters"]["current_fees"]
    fees["parameters"] = [
        *fees["parameters"][:3],
        [3, {}],
        [ACCOUNT_CREATE, {"basic_fee": 500000, "premium_fee": "200000000", "price_per_kbyte": 100000}],
        [ASSERT, {"fee": 100000}],
    ]
    return recording
