"""Challenges of proof of work: made without being stored, and known again by their signature. Pure."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum

from jobs.errors import Code, FaucetError
from jobs.model.job import Quota
from jobs.ways.work import MAX_NONCE, Algorithm

LIFETIME = 600  #: seconds in which a challenge must be solved and sent
CLOCK_SLACK = 60  #: seconds that the clocks of machines may differ
ANY_NETWORK = "any"  #: of clients whose networks are not limited
NEW_CHALLENGE = "Get a new challenge at /api/v1/challenge."

_PROOF = re.compile(
    r"((?P<generation>[0-9]{1,6})\.(?P<algorithm>sha256|argon2)\.(?P<attempts>[1-9][0-9]{0,11})\.(?P<ends>[0-9]{13})"
    r"\.(?P<id>[0-9a-f]{24})\.(?P<network>[0-9a-f]{16}|any)\.(?P<signature>[0-9a-f]{32}))\.(?P<nonce>[0-9]{1,16})"
)


class Outcome(StrEnum):
    """What became of a proof."""

    VALID = "valid"
    MALFORMED = "malformed"
    FORGED = "forged"
    EXPIRED = "expired"
    NETWORK = "network"  #: the challenge was another network's
    WRONG = "wrong"  #: it is not solved
    BUSY = "busy"  #: too many waited for their turn


SENTENCES = {
    Outcome.MALFORMED: "This is no challenge with its solution: a token, a dot and a whole number.",
    Outcome.FORGED: "This challenge was not made here.",
    Outcome.EXPIRED: "This challenge is over.",
    Outcome.NETWORK: "This challenge was made for another network.",
    Outcome.WRONG: "This challenge is not solved.",
}


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a client is asked to solve."""

    generation: int  #: of the key that it is signed with
    algorithm: Algorithm
    attempts: int  #: that a solution takes in the mean
    ends: int  #: milliseconds since 1970
    id: str  #: random
    network: str  #: keyed hash of the client's, or ANY_NETWORK

    def token(self, key: bytes) -> str:
        """The challenge as clients get it, signed with `key`."""
        return f"{self._text}.{self._signature(key)}"

    def is_signed(self, signature: str, key: bytes) -> bool:
        """Whether `signature` was made with `key`. It takes the same time either way."""
        return hmac.compare_digest(signature, self._signature(key))

    def is_current(self, now: int) -> bool:
        """Whether it can be sent at `now`, milliseconds; not if the clock was set back since it was made, either."""
        return 0 < self.ends - now <= (LIFETIME + CLOCK_SLACK) * 1000

    @property
    def _text(self) -> str:
        return f"{self.generation}.{self.algorithm}.{self.attempts}.{self.ends}.{self.id}.{self.network}"

    def _signature(self, key: bytes) -> str:
        # Half of it: 64 hex digits in a request are taken for a private key.
        return hmac.digest(key, self._text.encode(), "sha256")[:16].hex()


@dataclass(frozen=True, slots=True)
class Proof:
    """A challenge that came back with what is said to be its solution."""

    challenge: Challenge
    token: str
    signature: str
    nonce: int


def parse_proof(text: str) -> Proof | None:
    """The proof that `text` is, a token, a dot and a nonce; None if it has another form."""
    found = _PROOF.fullmatch(text)
    if found is None or int(found["nonce"]) > MAX_NONCE:
        return None
    challenge = Challenge(
        int(found["generation"]), Algorithm(found["algorithm"]), int(found["attempts"]), int(found["ends"]),
        found["id"], found["network"],
    )  # fmt: skip
    return Proof(challenge, found[1], found["signature"], int(found["nonce"]))


def hash_of_network(network: str | None, key: bytes) -> str:
    """What a challenge that is signed with `key` tells of a network; None is of a client that is not limited."""
    if network is None:
        return ANY_NETWORK
    return hashlib.blake2b(network.encode(), key=key, digest_size=8).hexdigest()


def spending(challenge: Challenge) -> Quota:
    """What a signup spends that comes with the solution of `challenge`: it is good once."""
    sentence = f"This challenge was used already. {NEW_CHALLENGE}"
    # However the clock was set meanwhile, it is kept spent for longer than the challenge can be sent.
    interval = LIFETIME + 2 * CLOCK_SLACK
    return Quota("work", f"work {challenge.id}", 1, interval, sentence, field="work", retry_after=1)


def invalid(outcome: Outcome) -> FaucetError:
    """The refusal of a proof."""
    return FaucetError(Code.INVALID_WORK, f"{SENTENCES[outcome]} {NEW_CHALLENGE}", field="work")


def missing() -> FaucetError:
    """The refusal of a signup without one."""
    sentence = "Proof of work is needed to sign up: get a challenge at /api/v1/challenge, and send it solved as 'work'."
    return FaucetError(Code.WORK_REQUIRED, sentence, field="work")
