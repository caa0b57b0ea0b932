"""Registrations by the hundred: the same bytes as of each alone."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keys import InvalidKeyError
from chain.packing import pack_operation
from chain.registrations import NewAccount, RegistrationForm, with_encoded_fee
from chain.transactions import account_create, transfer, with_fee
from jobs.model.job import Signup
from jobs.settings import Settings
from jobs.template import AccountTemplate
from tests.harness.program import keys_of

KEY = keys_of("any")["memo_key"]
IDS = {"faucet": "1.2.7", "guardian": "1.2.40", "proxy": "1.2.41"}
object_ids = st.integers(0, 2**48 - 1).map("1.2.{}".format)
names = st.from_regex(r"[a-z][a-z0-9.-]{0,62}", fullmatch=True)
new_accounts = st.builds(
    lambda referrer, name, password: (referrer, name, *keys_of(password).values()),
    object_ids, names, st.sampled_from(["one", "two", "three"]),
)  # fmt: skip


@given(st.lists(new_accounts, max_size=4), object_ids, object_ids, st.integers(0, 10_000))
def test_filled_in_equals_encoded_and_packed(
    accounts: list[NewAccount], registrar: str, voting_account: str, percent: int
) -> None:
    form = RegistrationForm("TEST", registrar=registrar, referrer_percent=percent, voting_account=voting_account)
    operations = [
        account_create(
            registrar=registrar, referrer=referrer, referrer_percent=percent, voting_account=voting_account,
            name=name, owner_key=owner, active_key=active, memo_key=memo,
        )
        for referrer, name, owner, active, memo in accounts
    ]  # fmt: skip
    expected = [(msgspec.json.encode(each), pack_operation(each, "TEST")) for each in operations]
    assert form.fill_in(accounts) == expected


def test_key_of_another_chain_is_refused() -> None:
    form = RegistrationForm("PPY", registrar="1.2.7", referrer_percent=0, voting_account="1.2.5")
    with pytest.raises(InvalidKeyError):
        form.fill_in([("1.2.7", "alice-1", KEY, KEY, KEY)])


def test_fee_is_that_of_the_operation() -> None:
    """Not another amount that follows."""
    operation = transfer(sender="1.2.7", receiver="1.2.8", amount=0)
    assert with_encoded_fee(msgspec.json.encode(operation), 5) == msgspec.Raw(
        msgspec.json.encode(with_fee(operation, 5))
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"proxy": "proxy"},
        {"additional_owner_keys": (keys_of("extra")["owner_key"],)},
        {"additional_active_keys": (keys_of("extra")["owner_key"],)},
        {"additional_owner_accounts": ("guardian",)},
        {"additional_active_accounts": ("guardian",)},
    ],
)
def test_template_encodes_what_it_describes(changes: dict[str, object]) -> None:
    template = AccountTemplate(Settings(registrar="faucet", **changes), IDS)  # type: ignore[arg-type]  # any of them
    signup = Signup("alice-1", **keys_of("alice-1"))
    operation = template.operation(signup, "1.2.9")
    expected = [(msgspec.json.encode(operation), pack_operation(operation, "TEST"))]
    assert template.encoded([(signup, "1.2.9")], "TEST") == expected
