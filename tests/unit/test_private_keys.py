"""Private keys are recognised in every format; public values are not mistaken for them."""

import base64
import json
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keys import PrivateKey, format_public_key
from chain.private_keys import holds_private_key
from tests.harness.program import keys_of

WIF = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"
#: The same number as wallets of Bitcoin write it for a compressed point.
COMPRESSED = "L4Gh6zmE7MGoBuRnbyAJajH8xGME9BdL2yAgsYrcXKnaANtNqMhs"
HEX = "d2653ff7cbb2d8ff129ac27ef5781ce68b2558c41a74af1f2ddca635cbeef07d"
CHAIN_ID = "4018d7844c78f6a6c41c6a552b898022310fc5dec06da467ee7905a8dad512c8"

keys = st.integers(1, 2**256 - 2**130).map(lambda number: PrivateKey(number.to_bytes(32, "big")))


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


@pytest.mark.parametrize(
    "text",
    [
        WIF,
        COMPRESSED,
        f" {WIF}\n",
        f'"{WIF}"',
        f"my key is {WIF}, thanks",
        f"key{WIF}key",
        f"wif={WIF}&x=1",
        f"5K5K5KK{WIF}",
        f"P{WIF}",
        f"P{WIF[:45]}",
        WIF[:-1] + "2",
        f"\\n{WIF}",
        escaped(WIF),
        f"\\u0035\\u004{WIF[1].encode().hex()[1]}{WIF[2:]}",
        json.dumps(json.dumps({"key": escaped(WIF)})),
        HEX,
        HEX.upper(),
        f"0x{HEX}",
        f"[{HEX}]",
        "PVT_K1_2bfGi9rYsXQSXXTvJbDAPhHLQUojjaNLomdm3cEJ1XTzMqUt3V",
        f"{CHAIN_ID} {HEX}",
    ],
)
def test_private_key_in_any_format_is_found(text: str) -> None:
    assert holds_private_key(text.encode(), (CHAIN_ID,))
    assert holds_private_key(text.encode("utf-16"), (CHAIN_ID,))


@pytest.mark.parametrize(
    "text",
    [
        "",
        *keys_of("alice-1").values(),
        CHAIN_ID,
        CHAIN_ID.upper(),
        "00" * 32,
        "ff" * 32,
        "a" * 64,
        "K" * 52,
        HEX[:-1],
        HEX + "0",
        HEX * 2 + "00",
        f"refcode{HEX}",
        WIF[:44],
        "Q" + WIF[:45],
        f"x{WIF[:-1]}2",
        "PUB_K1_5PVsLsBJ9vDMUvDCCZ4EJCFgTSgCkJGmFDAqWLYvCEHmTwm6bF",
        "PVT_",
    ],
)
def test_other_text_is_not_a_private_key(text: str) -> None:
    assert not holds_private_key(text.encode(), (CHAIN_ID,))


@given(keys, st.text(max_size=20), st.text(max_size=20))
def test_private_key_amid_any_text_is_found(key: PrivateKey, before: str, after: str) -> None:
    assert holds_private_key(f"{before}{key.wif()}{after}".encode())


@given(keys, st.sampled_from(["TEST", "PPY", "BTS", "P", "K", "KL", "LKH"]))
def test_public_key_is_never_taken_for_a_private_one(key: PrivateKey, prefix: str) -> None:
    """Not even where the prefix begins like a private key."""
    assert not holds_private_key(json.dumps({"owner_key": format_public_key(key.public, prefix)}).encode())


def test_signatures_and_digests_are_not_private_keys() -> None:
    signature, digest = "1f" + "ab" * 64, "ab" * 20
    assert not holds_private_key(json.dumps([signature, digest, base64.b64encode(b"x" * 300).decode()]).encode())


@pytest.mark.parametrize("body", [b"K" * 16384, b"5K" * 8192, b"PVT_" * 4096, b"5K5" * 5461, HEX.encode() * 256])
def test_hostile_body_is_scanned_quickly(body: bytes) -> None:
    assert timeit.timeit(lambda: holds_private_key(body), number=1) < 0.1


def test_plain_signup_is_scanned_once() -> None:
    body = json.dumps({"account": {"name": "alice-1", **keys_of("alice-1"), "refcode": None}}).encode()
    assert min(timeit.repeat(lambda: holds_private_key(body), number=100, repeat=20)) / 100 < 0.0002


def test_cases_share_one_key() -> None:
    assert PrivateKey(bytes.fromhex(HEX)).public == PrivateKey.from_wif(WIF).public
    assert PrivateKey.from_wif(COMPRESSED).public == PrivateKey.from_wif(WIF).public
