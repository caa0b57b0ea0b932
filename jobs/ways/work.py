"""Proof of work: what a solver searches, and what solving takes. Pure."""

import hashlib
import itertools
from enum import StrEnum

from argon2.low_level import Type, hash_secret_raw

#: Attempts in a second, by algorithm, that a phone makes in a browser, a quarter of what a desktop makes: measured in
#: Chromium, slowed down to that.
PHONE = {"sha256": 150_000, "argon2": 6}
MAX_FACTOR = 8  #: by which the limits that a client's networks have used up make work harder
CROWD = 500  #: signups in the queue that make work harder by once what it is without
PRECHECK = 8192  #: attempts at the SHA-256 that each attempt at argon2 takes before

MEMORY = 4096  #: KiB of argon2
PASSES = 1
LANES = 1

MAX_NONCE = 2**53 - 1  #: the largest whole number that JavaScript can tell from its neighbours
RANGE = 2**48  #: values of a hash's first six bytes


class Algorithm(StrEnum):
    """What is searched."""

    SHA256 = "sha256"
    ARGON2 = "argon2"


def attempts(algorithm: Algorithm, seconds: float) -> int:
    """How many attempts take a phone `seconds`, one at the least."""
    return max(1, round(seconds * PHONE[algorithm]))


def work_seconds(least: float, most: float, *, waiting: int, used: float = 0.0) -> float:
    """Seconds of work that a phone is asked for now, between `least` and `most`.

    `waiting` is how many signups the queue has, `used` which part of a limit the client's networks have used up.
    """
    factor: float = MAX_FACTOR ** min(1.0, used)
    return min(most, least * (1 + waiting / CROWD) * factor)


def seed_of(token: str) -> bytes:
    """What is hashed with each nonce of the challenge that is `token`."""
    return hashlib.sha256(token.encode()).digest()


def meets_sha256(seed: bytes, nonce: int, wanted: int) -> bool:
    """Whether the nonce is one of those that are found once in `wanted` attempts."""
    return _is_low(hashlib.sha256(seed + nonce.to_bytes(8)).digest(), wanted)


def meets_argon2(seed: bytes, nonce: int, wanted: int) -> bool:
    """The same by argon2id, which takes a millisecond or two and leaves other threads running meanwhile."""
    digest = hash_secret_raw(
        nonce.to_bytes(8), seed, time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES, hash_len=32, type=Type.ID
    )
    return _is_low(digest, wanted)


def solve(token: str, algorithm: Algorithm, wanted: int) -> int:
    """The first nonce that solves the challenge that is `token`."""
    seed = seed_of(token)
    if algorithm is Algorithm.SHA256:
        return next(nonce for nonce in itertools.count() if meets_sha256(seed, nonce, wanted))
    candidates = (nonce for nonce in itertools.count() if meets_sha256(seed, nonce, PRECHECK))
    return next(nonce for nonce in candidates if meets_argon2(seed, nonce, wanted))


def _is_low(digest: bytes, wanted: int) -> bool:
    return int.from_bytes(digest[:6]) < RANGE // wanted
