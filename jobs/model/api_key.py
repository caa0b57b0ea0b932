"""API keys: by one a wallet or an integrator is known, and let in with a rate and a cap of its own."""

import hashlib
import re
from collections.abc import Callable
from string import ascii_letters, digits

import msgspec

from jobs.model.job import Quota

PREFIX = "faucet_"  #: by which a scanner of secrets finds a key in a repository
LENGTH = 32  #: characters after it: 190 random bits
HINT = 4  #: … of them that tell one key from another, for people
MAX_RATE = 1_000_000  #: signups
MAX_NAME = 100  #: characters
MAX_ORIGINS = 20

MINUTE, DAY = 60, 86_400  #: seconds

_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9]{{{LENGTH}}}")


def new_key(choose: Callable[[str], str]) -> str:
    """A key; `choose` takes one of the characters at random."""
    return PREFIX + "".join(choose(ascii_letters + digits) for _ in range(LENGTH))


def hash_of_key(text: str) -> str | None:
    """What the ledger keeps of the key `text`; None if it can't be one."""
    # A fast hash: nobody guesses 190 bits, and whoever sends a key waits for it.
    return hashlib.sha256(text.encode()).hexdigest() if _KEY.fullmatch(text) else None


def hint_of_key(key: str) -> str:
    """The beginning of a key, which lets nobody in."""
    return key[: len(PREFIX) + HINT]


class NewApiKey(msgspec.Struct, frozen=True):
    """One to be created: whose it is, and how much it lets in."""

    name: str  #: of whoever uses it, for the operators
    per_minute: int = 60  #: signups
    per_day: int = 1000
    origins: tuple[str, ...] = ()  #: of the pages that may use it; none: it belongs on a server


class ApiKey(NewApiKey, frozen=True, kw_only=True):
    """One that was created."""

    number: int
    hint: str  #: the first characters
    revoked_at: int | None  #: milliseconds since 1970
    created_at: int
    created_by: str
    used_at: int | None  #: when its last signup was accepted


class UsableApiKey(msgspec.Struct, frozen=True):
    """What decides whether a key lets one more in."""

    number: int
    hash: str
    per_minute: int
    per_day: int
    origins: tuple[str, ...]
    revoked_at: int | None

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """Its rate and its cap; the day's first, so that a client is not told to come again before that is over."""
        return (
            Quota("key day", f"key {self.number} day", self.per_day, DAY, "This API key is used up for today."),
            Quota(
                "key minute",
                f"key {self.number} minute",
                self.per_minute,
                MINUTE,
                "Too many signups a minute with this API key.",
            ),
        )
