"""What the faucet reads of the chain: its objects, as far as it needs them, made from a node's replies."""

from dataclasses import dataclass

from chain import replies
from chain.errors import BadReply
from chain.fees import AccountCreateFee, AssertFee, TransferFee
from chain.packing import ACCOUNT_CREATE, ASSERT, TRANSFER
from chain.replies import decode, read_time

LIFETIME = 2**32 - 1  #: when a lifetime membership ends: the last second that the chain counts (account_object.hpp)


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset of the chain."""

    symbol: str
    precision: int  #: decimals


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block, and what it counts."""

    number: int
    id: str
    time: int  #: seconds, chain time
    irreversible: int  #: number of the last block that stays
    accounts_registered: int  #: in this maintenance interval, by anyone


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the chain's committee has set."""

    block_interval: int  #: seconds
    maximum_transaction_size: int  #: bytes
    accounts_per_fee_scale: int
    account_fee_scale_bitshifts: int
    account_create: AccountCreateFee
    transfer: TransferFee
    assertion: AssertFee | None  #: None where the chain has no such operation
    max_predicate_opcode: int | None  #: only predicates below it are allowed; None where the chain does not say


@dataclass(frozen=True, slots=True)
class Authority:
    """Who may act for an account: weights that reach the threshold together."""

    threshold: int
    keys: tuple[tuple[str, int], ...]  #: public keys and their weights
    accounts: tuple[tuple[str, int], ...]  #: account ids and their weights
    addresses: int  #: how many addresses have a weight too; the faucet gives none


@dataclass(frozen=True, slots=True)
class Account:
    """An account, as far as the faucet looks at it."""

    id: str
    name: str
    owner: Authority
    active: Authority
    memo_key: str
    member_until: int  #: seconds, chain time

    @property
    def lifetime_member(self) -> bool:
        """Whether the membership never ends."""
        return self.member_until == LIFETIME


def head_from(reply: replies.DynamicProperties) -> Head:
    """The head that the reply describes. Raises BadReply."""
    return Head(
        number=reply.head_block_number,
        id=reply.head_block_id,
        time=read_time(reply.time),
        irreversible=reply.last_irreversible_block_num,
        accounts_registered=reply.accounts_registered_this_interval,
    )


def parameters_from(reply: replies.ChainParameters) -> Parameters:
    """The parameters that the reply holds. Raises BadReply where the fees of account_create or transfer are missing."""
    account_create, transfer, assertion = _fees_from(reply.current_fees)
    return Parameters(
        block_interval=reply.block_interval,
        maximum_transaction_size=reply.maximum_transaction_size,
        accounts_per_fee_scale=reply.accounts_per_fee_scale,
        account_fee_scale_bitshifts=reply.account_fee_scale_bitshifts,
        account_create=account_create,
        transfer=transfer,
        assertion=assertion,
        max_predicate_opcode=reply.max_predicate_opcode,
    )


def _fees_from(schedule: replies.FeeSchedule) -> tuple[AccountCreateFee, TransferFee, AssertFee | None]:
    fees = dict(schedule.parameters)
    if not {ACCOUNT_CREATE, TRANSFER} <= fees.keys():
        raise BadReply("the node gave no fees of what the faucet sends")
    create = decode(fees[ACCOUNT_CREATE], replies.AccountCreateFees)
    transfer = decode(fees[TRANSFER], replies.TransferFees)
    assertion = decode(fees[ASSERT], replies.AssertFees) if ASSERT in fees else None
    return (
        AccountCreateFee(create.basic_fee, create.premium_fee, create.price_per_kbyte, schedule.scale),
        TransferFee(transfer.fee, transfer.price_per_kbyte, schedule.scale),
        None if assertion is None else AssertFee(assertion.fee, schedule.scale),
    )


def account_from(reply: replies.AccountObject) -> Account:
    """The account that the reply describes. Raises BadReply."""
    return Account(
        id=reply.id,
        name=reply.name,
        owner=_authority_from(reply.owner),
        active=_authority_from(reply.active),
        memo_key=reply.options.memo_key,
        member_until=read_time(reply.membership_expiration_date),
    )


def _authority_from(reply: replies.AuthorityObject) -> Authority:
    return Authority(
        threshold=reply.weight_threshold,
        keys=tuple(reply.key_auths),
        accounts=tuple(reply.account_auths),
        addresses=len(reply.address_auths),
    )
