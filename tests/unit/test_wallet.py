"""Keys from a password are those that the wallets find."""

import pytest
from peerplaysbase.account import PasswordKey

from chain.wallet import ROLES, derive_key


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("name", "password"), [("alice-1", "secret"), ("a.b", " two  words "), ("x9", "pässwörd")])
def test_derived_key_equals_the_wallets(name: str, password: str, role: str) -> None:
    assert derive_key(name, role, password).wif() == str(PasswordKey(name, password, role).get_private())


def test_derived_key_depends_on_name_role_and_password() -> None:
    derived = [("a-1", "owner", "x"), ("b-1", "owner", "x"), ("a-1", "active", "x"), ("a-1", "owner", "y")]
    assert len({derive_key(*parts).public for parts in derived}) == 4
