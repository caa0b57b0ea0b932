"""What one key is to an account: the chain's own reckoning, without a chain."""

import pytest

from chain.authority import Role, Standing, members_of, standing
from chain.objects import LIFETIME, Account, Authority

KEY, OTHER = "TESTkey", "TESTother"


def authority(threshold: int = 1, *accounts: tuple[str, int], **keys: int) -> Authority:
    """With weights of accounts by id, and of keys by `key` and `other`."""
    named = {"key": KEY, "other": OTHER}
    return Authority(threshold, tuple((named[name], weight) for name, weight in keys.items()), accounts, addresses=0)


def account(number: int, active: Authority, owner: Authority | None = None, memo_key: str = OTHER) -> Account:
    """Account 1.2.N, called account-N."""
    name = f"account-{number}"
    return Account(f"1.2.{number}", name, owner or authority(other=1), active, memo_key, LIFETIME)


def found(active: Authority, owner: Authority | None = None, *members: Account, memo_key: str = OTHER) -> Standing:
    """What KEY is to an account with these authorities."""
    return standing(account(1, active, owner, memo_key), KEY, {each.id: each for each in members})


MEMBER = account(2, authority(key=1))  #: KEY acts for it
WARD = account(3, authority(1, ("1.2.2", 1)))  #: MEMBER acts for it


@pytest.mark.parametrize(
    ("active", "owner", "members", "role", "through"),
    [
        (authority(key=1), None, (), Role.ACTIVE, None),
        (authority(2, key=2, other=1), None, (), Role.ACTIVE, None),
        (authority(2, key=1, other=1), authority(key=1), (), Role.OWNER, None),
        (authority(other=1), authority(key=1), (), Role.OWNER, None),
        (authority(1, ("1.2.2", 1)), None, (MEMBER,), Role.ACTIVE, "account-2"),
        (authority(2, ("1.2.2", 1), key=1), None, (MEMBER,), Role.ACTIVE, None),
        (authority(1, ("1.2.3", 1)), None, (WARD, MEMBER), Role.ACTIVE, "account-3"),
        (authority(other=1), authority(1, ("1.2.2", 1)), (MEMBER,), Role.OWNER, "account-2"),
    ],
)
def test_key_signs_alone(
    active: Authority, owner: Authority | None, members: tuple[Account, ...], role: Role, through: str | None
) -> None:
    result = found(active, owner, *members)
    assert result.signs
    assert (result.role, result.through) == (role, through)


@pytest.mark.parametrize(
    ("active", "members", "expected"),
    [
        (authority(other=1), (), Standing(Role.NONE)),
        (authority(2, key=1, other=1), (), Standing(Role.ACTIVE, 1, 2)),
        (authority(0, other=1), (), Standing(Role.NONE)),
        (authority(2, ("1.2.2", 1), other=1), (MEMBER,), Standing(Role.ACTIVE, 1, 2, through="account-2")),
        (
            authority(1, ("1.2.2", 1)), (account(2, authority(3, key=2)),),
            Standing(Role.ACTIVE, 2, 3, within="account-2"),
        ),
        # The member is not followed, as it was not read.
        (authority(1, ("1.2.9", 1)), (), Standing(Role.NONE)),
    ],
)  # fmt: skip
def test_key_does_not_sign_alone(active: Authority, members: tuple[Account, ...], expected: Standing) -> None:
    result = found(active, None, *members)
    assert not result.signs
    assert result == expected


def test_members_are_followed_two_levels_deep() -> None:
    third = account(4, authority(1, ("1.2.3", 1)))
    assert not found(authority(1, ("1.2.4", 1)), None, third, WARD, MEMBER).signs


def test_members_that_name_each_other_end() -> None:
    first, second = account(2, authority(1, ("1.2.3", 1))), account(3, authority(1, ("1.2.2", 1)))
    assert found(authority(1, ("1.2.2", 1)), None, first, second) == Standing(Role.NONE)


def test_memo_key_signs_nothing() -> None:
    assert found(authority(other=1), memo_key=KEY) == Standing(Role.MEMO)
    assert found(authority(key=1), memo_key=KEY).role is Role.ACTIVE


def test_members_of_both_authorities_are_listed_once() -> None:
    both = account(1, authority(1, ("1.2.2", 1), ("1.2.3", 1)), authority(1, ("1.2.3", 1), ("1.2.4", 1)))
    assert members_of([both, WARD]) == ["1.2.2", "1.2.3", "1.2.4"]
