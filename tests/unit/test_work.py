"""Proof of work: its vectors, its difficulty, and the form of challenges."""

import dataclasses
import hashlib
import itertools

import pytest

from chain.private_keys import holds_private_key
from jobs.ways.challenges import CLOCK_SLACK, LIFETIME, Challenge, hash_of_network, parse_proof, spending
from jobs.ways.networks import broad_network
from jobs.ways.work import (
    MAX_NONCE,
    PHONE,
    PRECHECK,
    RANGE,
    Algorithm,
    attempts,
    meets_argon2,
    meets_sha256,
    seed_of,
    solve,
    work_seconds,
)

KEY = b"k" * 32
ENDS = 1_700_000_000_000
CHALLENGE = Challenge(2811, Algorithm.SHA256, 100, ENDS, "0123456789abcdef01234567", "any")
#: What the vectors below, and those of the scripts, are made of.
TOKEN = "2811.sha256.100.1700000000000.0123456789abcdef01234567.any.e6aa20ea8ec9029c4d6a24e724cb3c33"


def test_token_is_the_same_in_each_process() -> None:
    assert CHALLENGE.token(KEY) == TOKEN


def test_sha256_is_of_seed_and_eight_bytes() -> None:
    seed = seed_of(TOKEN)
    digest = hashlib.sha256(hashlib.sha256(TOKEN.encode()).digest() + (77).to_bytes(8, "big")).digest()
    value = int.from_bytes(digest[:6], "big")
    assert meets_sha256(seed, 77, RANGE // (value + 1))
    assert not meets_sha256(seed, 77, RANGE // value + 1)


@pytest.mark.parametrize(("algorithm", "wanted", "nonce"), [("sha256", 1000, 176), ("argon2", 2, 29819)])
def test_first_solution(algorithm: str, wanted: int, nonce: int) -> None:
    """The scripts find the same ones."""
    assert solve(TOKEN, Algorithm(algorithm), wanted) == nonce


def test_argon2_takes_what_passes_the_precheck() -> None:
    seed = seed_of(TOKEN)
    nonce = solve(TOKEN, Algorithm.ARGON2, 1)
    assert meets_sha256(seed, nonce, PRECHECK)
    assert meets_argon2(seed, nonce, 1)
    assert not meets_argon2(seed, nonce, RANGE)


def test_solutions_take_as_many_attempts_as_wanted() -> None:
    total = sum(solve(f"{TOKEN}{number}", Algorithm.SHA256, 50) + 1 for number in range(400))
    assert 45 * 400 < total < 55 * 400


def test_difficulty_is_bounded_and_grows_with_queue_and_pressure() -> None:
    assert work_seconds(2, 60, waiting=0) == 2
    assert work_seconds(2, 60, waiting=500) == 4
    assert work_seconds(2, 60, waiting=10**9) == 60
    assert work_seconds(2, 60, waiting=0, used=0.5) == pytest.approx(2 * 8**0.5)
    assert work_seconds(2, 60, waiting=0, used=1) == work_seconds(2, 60, waiting=0, used=9) == 16
    seconds = [work_seconds(2, 60, waiting=each * 7, used=each / 100) for each in range(100)]
    assert all(before < after for before, after in itertools.pairwise(seconds[:60]))
    assert [attempts(each, 2) for each in Algorithm] == [2 * PHONE[each] for each in Algorithm]
    assert attempts(Algorithm.ARGON2, 0.001) == 1


def test_proof_is_a_token_and_its_nonce() -> None:
    proof = parse_proof(f"{TOKEN}.77")
    assert proof is not None
    assert (proof.challenge, proof.token, proof.nonce) == (CHALLENGE, TOKEN, 77)
    assert proof.challenge.is_signed(proof.signature, KEY)
    assert not holds_private_key(f'{{"work": "{TOKEN}.77"}}'.encode())


@pytest.mark.parametrize(
    "text",
    [
        "", ".", TOKEN, f"{TOKEN}.", f"{TOKEN}.-1", f"{TOKEN}.1.", f"{TOKEN}.1e3", f"{TOKEN}.NaN", f"{TOKEN}. 1",
        f"{TOKEN}.1\n", f"{TOKEN}.٣", f"{TOKEN}.{MAX_NONCE + 1}", f"{TOKEN}.{'9' * 20}", f"x{TOKEN}.1",
        f"{TOKEN.replace('.100.', '.-100.')}.1", f"{TOKEN.replace('.100.', '.0.')}.1", f"{TOKEN.upper()}.1",
        f"{TOKEN.replace('sha256', 'md5')}.1", f"{TOKEN.replace('.any.', '..')}.1", "9" * 16_000, f"{TOKEN[:-1]}é.1",
    ],
)  # fmt: skip
def test_what_has_another_form_is_no_proof(text: str) -> None:
    assert parse_proof(text) is None


@pytest.mark.parametrize(
    "change",
    [
        {"generation": 2812}, {"algorithm": Algorithm.ARGON2}, {"attempts": 1}, {"ends": ENDS + 1}, {"id": "f" * 24},
        {"network": "0" * 16},
    ],
)  # fmt: skip
def test_signature_holds_for_every_part(change: dict[str, object]) -> None:
    signature = TOKEN.rpartition(".")[2]
    assert CHALLENGE.is_signed(signature, KEY)
    assert not dataclasses.replace(CHALLENGE, **change).is_signed(signature, KEY)  # type: ignore[arg-type]
    assert not CHALLENGE.is_signed(signature, b"another")


def test_challenge_lasts_to_its_end_and_clocks_may_differ() -> None:
    made = ENDS - LIFETIME * 1000
    assert [CHALLENGE.is_current(each) for each in (made, made - 5000, ENDS - 1)] == [True] * 3
    assert [CHALLENGE.is_current(each) for each in (ENDS, ENDS + 5000, made - 1000 * CLOCK_SLACK - 1)] == [False] * 3


def test_challenge_stays_spent_for_longer_than_it_can_be_sent() -> None:
    """Also where clocks differ, or one is set back."""
    quota = spending(CHALLENGE)
    made = ENDS - (LIFETIME + CLOCK_SLACK) * 1000
    assert (quota.subject, quota.capacity, quota.retry_after) == (f"work {CHALLENGE.id}", 1, 1)
    for spent_at, sent_at in itertools.product((made, ENDS - 1), repeat=2):
        until = spent_at + quota.interval * 1000
        assert 0 < until - sent_at <= 2 * quota.interval * 1000


def test_network_is_hidden_and_shared_with_neighbours() -> None:
    assert broad_network("192.0.2.77") == broad_network("192.0.2.1") == "192.0.2.0/24"
    assert broad_network("2001:db8:1:2::/64") == "2001:db8:1::/48"
    assert broad_network("2002:c000:0201:7::/64") == "192.0.2.0/24"
    assert broad_network("unix") == "unix"
    assert hash_of_network(None, KEY) == "any"
    assert hash_of_network("192.0.2.0/24", KEY) != hash_of_network("192.0.2.0/24", b"another")
