"""Keys: read strictly, signed as the chain wants it."""

import hashlib
from typing import Any

import pytest
from graphenebase.base58 import base58decode, base58encode
from hypothesis import given
from hypothesis import strategies as st
from peerplaysbase.account import PrivateKey as PackagePrivateKey

from chain.keys import (
    InvalidKeyError,
    PrivateKey,
    are_public_keys,
    base58_decode,
    base58_encode,
    format_public_key,
    is_canonical,
    parse_public_key,
    read_points,
    recover,
)
from chain.transactions import digest_of, pack
from tests.harness.support import data

SAMPLES: dict[str, Any] = data("node-samples.json")
KEY = "PPY5roySZzFKTfsamp7VHbBaBYqRLXmWiES9MHWZ9tLmjVzNCUcfA"
WIF = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"

secrets = st.integers(1, 2**256 - 2**130).map(lambda number: PrivateKey(number.to_bytes(32, "big")))


def with_checksum(raw: bytes) -> str:
    return "PPY" + base58_encode(raw + hashlib.new("ripemd160", raw).digest()[:4])


def test_key_of_a_real_account() -> None:
    assert format_public_key(parse_public_key(KEY, "PPY"), "PPY") == KEY


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("00", "must begin with PPY"),
        ("abcdef", "must begin with PPY"),
        (WIF, "must begin with PPY"),
        ("", "must begin with PPY"),
        ("BTS" + KEY[3:], "must begin with PPY"),
        ("ppy" + KEY[3:], "must begin with PPY"),
        (KEY[:-1], "must have 50 characters"),
        (KEY + "1", "must have 50 characters"),
        (KEY[:-1] + "0", "a character that base58 does not know"),
        (KEY[:-1] + "é", "a character that base58 does not know"),
        (KEY[:-1] + "B", "a wrong checksum"),
        (KEY[:10] + KEY[11] + KEY[10] + KEY[12:], "a wrong checksum"),
        (with_checksum(b"\x02" + b"\xff" * 32), "not a point on the curve"),
        (with_checksum(b"\x02" + (5).to_bytes(32, "big")), "not a point on the curve"),
    ],
)
def test_invalid_key_says_why(text: str, sentence: str) -> None:
    with pytest.raises(InvalidKeyError, match=sentence) as caught:
        parse_public_key(text, "PPY")
    assert not text or text not in str(caught.value)
    assert not are_public_keys((KEY, text, KEY), "PPY")


@given(secrets)
def test_every_key_round_trips(key: PrivateKey) -> None:
    text = format_public_key(key.public, "TEST")
    assert parse_public_key(text, "TEST") == parse_public_key(text, None) == key.public
    assert PrivateKey.from_wif(key.wif()).public == key.public


@given(st.text(max_size=60), st.none() | st.just("TEST"))
def test_any_text_is_parsed_or_refused(text: str, prefix: str | None) -> None:
    with pytest.raises(InvalidKeyError):
        parse_public_key(text, prefix)
    with pytest.raises(InvalidKeyError):
        PrivateKey.from_wif(text)


@given(st.binary().map(lambda raw: raw + b"\1"))
def test_base58_equals_the_packages(raw: bytes) -> None:
    assert base58_encode(raw) == base58encode(raw.hex())
    assert base58_decode(base58_encode(raw)).hex() == base58decode(base58_encode(raw)) == raw.hex()


@given(st.lists(secrets, max_size=5), st.integers(min_value=1, max_value=40))
def test_points_of_many_keys_equal_those_of_each(keys: list[PrivateKey], times: int) -> None:
    texts = [format_public_key(key.public, "TEST") for key in keys] * times
    assert are_public_keys(texts, "TEST")
    assert read_points(texts, "TEST") == [parse_public_key(text, "TEST") for text in texts]


def test_points_of_something_else_are_refused() -> None:
    key = format_public_key(PrivateKey.from_wif(WIF).public, "TEST")
    for wrong in (key[:-1], key + "1", "PPY" + key[4:], key[:-1] + "0", key[:-1] + "é", ""):
        with pytest.raises(InvalidKeyError):
            read_points([key, wrong, key], "TEST")


def test_package_derives_the_same_public_key() -> None:
    assert format_public_key(PrivateKey.from_wif(WIF).public, "PPY") == format(PackagePrivateKey(WIF).pubkey, "PPY")


def test_private_key_has_no_readable_repr() -> None:
    key = PrivateKey.from_wif(WIF)
    assert WIF not in f"{key!r}{key}"


@given(secrets, st.binary(min_size=32, max_size=32))
def test_signature_is_canonical_and_recovers_its_key(key: PrivateKey, digest: bytes) -> None:
    signature = key.sign(digest)
    assert (len(signature), is_canonical(signature[1:])) == (65, True)
    assert recover(digest, signature) == key.public
    assert key.sign(digest) == signature


@given(st.binary(max_size=70))
def test_any_bytes_are_recovered_or_refused(signature: bytes) -> None:
    try:
        assert len(recover(b"\1" * 32, signature)) == 33
    except ValueError as error:
        assert str(error).startswith(("signature is not", "unable to"))  # noqa: PT017  # most are refused, not all


def test_signature_accepted_by_a_real_node() -> None:
    """Digest, chain id and recovery equal the node's: they yield its registrar's key."""
    transaction = SAMPLES["get_transaction_hex"]["request"]["params"][2][0]
    chain_id = SAMPLES["get_chain_id"]["reply"]["result"]
    signature = bytes.fromhex(transaction["signatures"][0])
    public = recover(digest_of(pack(transaction, "PPY"), chain_id), signature)
    registrar = SAMPLES["get_account_by_name"]["reply"]["result"]
    assert registrar["active"]["key_auths"] == [[format_public_key(public, "PPY"), 1]]
