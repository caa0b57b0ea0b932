"""Operations of blocks: what is seen without decoding a body is what decoding it shows."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from chain.operations import Operations, read_operation
from chain.packing import ACCOUNT_CREATE
from chain.transactions import account_create
from tests.harness.program import keys_of
from tests.harness.recordings import SAMPLES

KEYS = keys_of("alice-1")
_, BODY = account_create(
    registrar="1.2.7", referrer="1.2.8", referrer_percent=10_000, name="alice-1", fee=500_000, **KEYS
)
PLAIN = msgspec.json.encode(BODY)


def registration(body: bytes) -> tuple[int, str, tuple[str, str, str] | None]:
    part, problem = read_operation(ACCOUNT_CREATE, Raw(body))
    assert problem is None
    (found,) = Operations([part]).registrations()
    return found


def test_plain_registration_shows_its_keys_without_being_decoded() -> None:
    assert registration(PLAIN) == (0, "alice-1", tuple(KEYS.values()))


def test_registration_of_a_running_node_shows_its_keys_without_being_decoded() -> None:
    operations = SAMPLES["get_block"]["reply"]["result"]["transactions"][0]["operations"]
    for _, body in operations:
        _, name, keys = registration(msgspec.json.encode(body))
        assert name == body["name"]
        assert keys == (*(body[role]["key_auths"][0][0] for role in ("owner", "active")), body["options"]["memo_key"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["owner", "weight_threshold"], 2),
        (["owner", "account_auths"], [["1.2.9", 1]]),
        (["active", "key_auths"], [[KEYS["owner_key"], 2]]),
        (["active", "key_auths"], [[KEYS["owner_key"], 1], [KEYS["memo_key"], 1]]),
        (["active", "key_auths"], []),
        (["active", "address_auths"], [["PPYaddress", 1]]),
        (["options", "votes"], ["1:5"]),
        (["extensions"], {"null_ext": {}}),
    ],
)
def test_registration_with_more_to_it_is_decoded(path: list[str], value: Any) -> None:
    body = msgspec.json.decode(PLAIN)
    *way, last = path
    part = body
    for step in way:
        part = part[step]
    part[last] = value
    assert registration(msgspec.json.encode(body)) == (0, "alice-1", None)


@given(st.integers(0, len(PLAIN)), st.integers(0, 12), st.binary(max_size=6) | st.text('01829."{}[],\\\n ', max_size=6))
@example(PLAIN.index(b"500000"), 6, "007")
@example(len(PLAIN), 0, "\n")
def test_whatever_is_kept_has_the_form_and_can_be_decoded(start: int, length: int, other: bytes | str) -> None:
    """Also of bodies in which something else stands instead of a part."""
    inserted = other.encode() if isinstance(other, str) else other
    body = PLAIN[:start] + inserted + PLAIN[start + length :]
    part, problem = read_operation(ACCOUNT_CREATE, Raw(body))
    if problem is not None:
        assert part == (-1, b"{}")
        return
    ((_, decoded),) = Operations([part])
    ((_, name, keys),) = Operations([part]).registrations()
    assert name == decoded["name"]
    assert keys in (None, (_key(decoded["owner"]), _key(decoded["active"]), decoded["options"]["memo_key"]))
    spaced = b" " + body  # which no node writes: it is decoded
    assert read_operation(ACCOUNT_CREATE, Raw(spaced))[1] is None


def _key(authority: dict[str, Any]) -> str:
    key: str = authority["key_auths"][0][0]
    return key
