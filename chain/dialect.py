"""What differs between Graphene chains: how their nodes word errors.

Nothing here depends on which chain it is: no wording means different things on two chains, so all dialects are tried.
To support another chain, add a `Dialect`, with the replies of a running node in tests/data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Cause(StrEnum):
    """Why a node refused a transaction or call."""

    NAME_TAKEN = "name_taken"
    INVALID_NAME = "invalid_name"
    INVALID_KEY = "invalid_key"
    EXPIRED = "expired"
    EXPIRATION_TOO_FAR = "expiration_too_far"
    KNOWN = "known"  #: this very transaction is pending or in a block
    UNKNOWN_REFERENCE = "unknown_reference"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    NOT_LIFETIME_MEMBER = "not_lifetime_member"
    REFERRER_NOT_MEMBER = "referrer_not_member"
    FEE_TOO_LOW = "fee_too_low"
    MISSING_AUTHORITY = "missing_authority"
    IRRELEVANT_SIGNATURE = "irrelevant_signature"
    DUPLICATE_SIGNATURE = "duplicate_signature"
    ASSERTION_FAILED = "assertion_failed"  #: an account id has another name than the transaction asserts
    UNKNOWN_METHOD = "unknown_method"
    LIMIT_EXCEEDED = "limit_exceeded"  #: the call asked for more than the node returns at once
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ReservedEnding:
    """An ending that the chain reserves, and the genesis account by which such a chain is recognised."""

    ending: str
    account_id: str
    account_name: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one chain's nodes word errors, beyond what all have in common."""

    #: By `data.name`, where it is enough.
    names: Mapping[str, Cause] = field(default_factory=dict)
    #: By `data.code`, for an error without a name.
    codes: Mapping[int, Cause] = field(default_factory=dict)
    #: By `data.name` and the beginning of the source text in the first frame of `data.stack`.
    texts: Mapping[str, Mapping[str, Cause]] = field(default_factory=dict)
    reserved_endings: tuple[ReservedEnding, ...] = ()


ASSERTION = "assert_exception"  #: data.name of a failed assertion
PARSING = "parse_error_exception"
#: The name that `data.code` stands for in an error without one.
NAMES_BY_CODE = {10: ASSERTION, 4: PARSING}

#: Common to all chains.
GRAPHENE = Dialect(
    names={
        "tx_missing_active_auth": Cause.MISSING_AUTHORITY,
        "tx_missing_owner_auth": Cause.MISSING_AUTHORITY,
        "tx_irrelevant_sig": Cause.IRRELEVANT_SIGNATURE,
        "tx_duplicate_sig": Cause.DUPLICATE_SIGNATURE,
        "insufficient_fee": Cause.FEE_TOO_LOW,
    },
    texts={
        ASSERTION: {
            "current_account_itr == acnt_indx.indices().get<by_name>().end()": Cause.NAME_TAKEN,
            "is_valid_name( name )": Cause.INVALID_NAME,
            "now <= trx.expiration": Cause.EXPIRED,
            "trx.expiration <= now + chain_parameters.maximum_time_until_expiration": Cause.EXPIRATION_TOO_FAR,
            "trx.ref_block_prefix == tapos_block_summary.block_id._hash[1]": Cause.UNKNOWN_REFERENCE,
            "delta.amount > 0: Insufficient Balance": Cause.INSUFFICIENT_BALANCE,  # without a balance object
            "insufficient_balance: Insufficient Balance": Cause.INSUFFICIENT_BALANCE,
            "fee_paying_account->is_lifetime_member()": Cause.NOT_LIFETIME_MEMBER,
            "op.referrer(d).is_member(d.head_block_time())": Cause.REFERRER_NOT_MEMBER,
            "p.account_id(db).name == p.name": Cause.ASSERTION_FAILED,
        }
    },
)

#: Peerplays 1.5.11: tests/data/node-errors.json.
PEERPLAYS = Dialect(
    names={"out_of_range_exception": Cause.INVALID_KEY},
    # Not 3030001, a missing authority here: on BitShares it is a transaction that is known.
    codes={
        3030004: Cause.IRRELEVANT_SIGNATURE,
        3030005: Cause.DUPLICATE_SIGNATURE,
        3030007: Cause.FEE_TOO_LOW,
        8: Cause.INVALID_KEY,
    },
    texts={
        ASSERTION: {
            "trx_idx.indices().get<by_trx_id>().find(trx_id) ==": Cause.KNOWN,
            "itr->get_balance() >= -delta: Insufficient Balance": Cause.INSUFFICIENT_BALANCE,  # with too little
            "itr != _by_name.end(): no method with name": Cause.UNKNOWN_METHOD,
            "limit <= 1000": Cause.LIMIT_EXCEEDED,
        }
    },
    reserved_endings=(ReservedEnding("-dividend-distribution", "1.2.6", "default-dividend-distribution"),),
)

#: BitShares 7: tests/data/node-errors-bitshares.json.
BITSHARES = Dialect(
    names={"duplicate_transaction": Cause.KNOWN, "method_not_found_exception": Cause.UNKNOWN_METHOD},
    codes={
        4010001: Cause.MISSING_AUTHORITY,
        4010004: Cause.IRRELEVANT_SIGNATURE,
        4010005: Cause.DUPLICATE_SIGNATURE,
        4010007: Cause.FEE_TOO_LOW,
    },
    texts={
        ASSERTION: {
            "abo->get_balance() >= -delta: Insufficient Balance": Cause.INSUFFICIENT_BALANCE,  # with too little
            "limit <= configured_limit": Cause.LIMIT_EXCEEDED,
            # A public key: of another chain, too short, misspelt.
            "base58str.substr( 0, prefix_len ) == prefix": Cause.INVALID_KEY,
            "base58str.size() > prefix_len": Cause.INVALID_KEY,
            "fc::ripemd160::hash( (char*) key_data.data(), key_data.size() )._hash[0].value() ==": Cause.INVALID_KEY,
        },
        PARSING: {"Unable to decode base58 string": Cause.INVALID_KEY},
    },
)

DIALECTS = (GRAPHENE, PEERPLAYS, BITSHARES)


RESERVED_ENDINGS = tuple(each for dialect in DIALECTS for each in dialect.reserved_endings)


def cause_of(name: str, code: int, text: str) -> Cause:
    """The cause of an error, by its name, else its code, else the text of the assertion; OTHER where none is known."""
    for dialect in DIALECTS:
        found = dialect.names.get(name) if name else dialect.codes.get(code)
        if found is not None:
            return found
    kind = name or NAMES_BY_CODE.get(code, "")
    texts = (entry for dialect in DIALECTS for entry in dialect.texts.get(kind, {}).items())
    return next((cause for beginning, cause in texts if text.startswith(beginning)), Cause.OTHER)
