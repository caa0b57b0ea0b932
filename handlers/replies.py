"""The API's JSON as types: what clients send and what is replied; the OpenAPI document gets its schemas from them.

The order of the fields is the order of the members.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jobs.errors import Code
from jobs.model.job import State
from jobs.ways.work import Algorithm

encode_json = msgspec.json.Encoder().encode

AccountName = Annotated[str, Meta(max_length=63, examples=["alice-1"])]
PublicKey = Annotated[str, Meta(description="a public key of this chain: its prefix and base58 characters")]
JobId = Annotated[str, Meta(description="unguessable", examples=["9f86d081884c7d659a2feaa0c55ad015"])]
Time = Annotated[str, Meta(examples=["2026-01-02T03:04:05.678Z"], extra_json_schema={"format": "date-time"})]


class RequestedAccount(msgspec.Struct, frozen=True):
    """The account to register. The parser of requests is stricter than this and names each fault."""

    name: AccountName
    owner_key: PublicKey
    active_key: PublicKey
    memo_key: PublicKey
    refcode: str | None = None
    invite: str | None = None
    work: Annotated[str | None, Meta(description="a challenge's token, a dot and the nonce that solves it")] = None
    referrer: Annotated[str | None, Meta(description="an account's name or id")] = None
    email: str | None = None
    real_name: str | None = None


class SignupRequest(msgspec.Struct, frozen=True):
    """A signup."""

    account: RequestedAccount


class AcceptedAccount(msgspec.Struct, frozen=True):
    """The account of a signup, with the members that wallets in the field read."""

    name: AccountName
    owner_key: PublicKey
    active_key: PublicKey
    memo_key: PublicKey
    referrer: str


class JobLink(msgspec.Struct, frozen=True):
    """The job of a signup."""

    id: JobId
    state: State
    url: Annotated[str, Meta(description="where the API shows the job")]


class SignupReply(msgspec.Struct, frozen=True):
    """An accepted signup, or a dry run that passed every check."""

    account: AcceptedAccount
    job: Annotated[JobLink | UnsetType, Meta(description="absent from a dry run")] = UNSET
    dry_run: Literal[True] | UnsetType = UNSET
    operation: (
        Annotated[list[Any], Meta(description="the account_create that would be sent, of a dry run")] | UnsetType
    ) = UNSET


class JobView(msgspec.Struct, frozen=True):
    """A job: no keys, nothing about the client."""

    id: JobId
    name: AccountName
    referrer: Annotated[str | None, Meta(description="as the chain has it; null until it is sent")]
    state: State
    account_id: Annotated[str | None, Meta(examples=["1.2.345"])]
    transaction_id: str | None
    block_num: int | None
    irreversible: bool
    initial_balance: Annotated[float | None, Meta(description="in the core asset")]
    attempts: Annotated[int, Meta(description="registrations signed so far")]
    code: Annotated[str | None, Meta(description="why the job failed or was cancelled")]
    reason: Annotated[str | None, Meta(description="the same for people")]
    created_at: Time
    updated_at: Time


class JobReply(msgspec.Struct, frozen=True):
    """A job as it is now."""

    job: JobView


class Availability(msgspec.Struct, frozen=True):
    """Whether a name can be registered."""

    name: str
    available: bool
    code: Annotated[Code | None, Meta(description="why not")]
    reason: Annotated[str | None, Meta(description="the same for people")]
    state: Annotated[State | None, Meta(description="of the job that has the name")]


class AvailabilityReply(msgspec.Struct, frozen=True):
    """Whether a name can be registered."""

    account: Availability


class ChainView(msgspec.Struct, frozen=True):
    """What a wallet must know of the chain to make keys for it; null until a node was met."""

    chain_id: str | None
    prefix: Annotated[str | None, Meta(description="of public keys")]
    core_asset: str | None


class ChainReply(msgspec.Struct, frozen=True):
    """The chain that accounts are registered on."""

    chain: ChainView


class Argon2View(msgspec.Struct, frozen=True):
    """How argon2id (version 0x13) hashes: the nonce, eight bytes, big-endian; the salt is the seed, 32 bytes out."""

    memory: Annotated[int, Meta(description="KiB")]
    passes: int
    lanes: int
    precheck: Annotated[int, Meta(description="attempts of SHA-256 that a nonce must satisfy, too")]


class ChallengeView(msgspec.Struct, frozen=True):
    """Work to be done.

    The seed is the SHA-256 of the token. A nonce, from 0 to 2^53 - 1, solves the challenge if the first six bytes of
    its hash, a big-endian number, are less than 2^48 // attempts. The hash is SHA-256 of the seed and the nonce's eight
    bytes, big-endian, or argon2id.
    """

    token: Annotated[str, Meta(description="opaque")]
    algorithm: Algorithm
    attempts: Annotated[int, Meta(description="nonces to be tried in the mean")]
    argon2: Annotated[Argon2View | None, Meta(description="null of sha256")]
    expires_at: Time
    expires_in: Annotated[int, Meta(description="seconds")]


class ChallengeReply(msgspec.Struct, frozen=True):
    """A challenge of proof of work; null where a signup needs none."""

    challenge: ChallengeView | None


class HealthReply(msgspec.Struct, frozen=True):
    """The process is alive."""

    ok: bool


class CheckView(msgspec.Struct, frozen=True):
    """One condition of being ready."""

    ok: bool
    text: str


class OwnerView(msgspec.Struct, frozen=True):
    """Which process owns the chain."""

    machine: Annotated[str | None, Meta(description="null: none does")]
    epoch: Annotated[int, Meta(description="number of the last owner")]
    lease_seconds: Annotated[float, Meta(description="until another process takes over, unless it is renewed")]


class ReadyReply(msgspec.Struct, frozen=True):
    """Whether a new user can register now, each condition by name, and who owns the chain."""

    ready: bool
    checks: dict[str, CheckView]
    owner: OwnerView


class ErrorLines(msgspec.Struct, frozen=True):
    """Lists of sentences and nothing else: wallets show each member as a line, or read a map of lists."""

    base: Annotated[list[str], Meta(description="a sentence for people")]


class ErrorReply(msgspec.Struct, frozen=True):
    """An error."""

    error: ErrorLines
    error_code: Code
    error_field: Annotated[str | UnsetType, Meta(description="of the request, where one is to blame")] = UNSET


Reply = SignupReply | JobReply | AvailabilityReply | ChainReply | ChallengeReply | HealthReply | ReadyReply | ErrorReply
