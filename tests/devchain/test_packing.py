"""What the dev chain makes of a registration is what the package makes of its text."""

from typing import Any

import pytest
from peerplaysbase.operations import Operation

from chain.packing import ACCOUNT_CREATE
from chain.transactions import account_create
from devchain.operations import read_operation
from tests.harness.program import PREFIX, keys_of


def registration(**active: Any) -> list[Any]:
    _, body = account_create(
        registrar="1.2.7", referrer="1.2.8", referrer_percent=10_000, name="alice-1", fee=500_000, **keys_of("alice-1")
    )
    return [ACCOUNT_CREATE, {**body, "active": {**body["active"], **active}}]


def keys(*names: str) -> list[list[Any]]:
    return [[keys_of(name)["active_key"], 1] for name in names]


@pytest.mark.parametrize(
    "raw",
    [
        registration(),
        registration(key_auths=keys("bob-1", "carol-1", "dave-1")),
        registration(key_auths=[], account_auths=[["1.2.9", 1]]),
    ],
)
def test_registration_has_the_bytes_that_the_package_gives_its_text(raw: list[Any]) -> None:
    number, body = raw
    read, packed = read_operation(raw, PREFIX)
    assert packed == bytes(Operation([number, {**read.as_json[1], "prefix": PREFIX}]))
    assert read.as_json[1]["options"]["memo_key"] == body["options"]["memo_key"]
    assert sorted(read.as_json[1]["active"]["key_auths"]) == sorted(map(list, body["active"]["key_auths"]))
