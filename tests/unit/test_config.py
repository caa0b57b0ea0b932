"""The configuration file: valid values are typed, mistakes are reported."""

import contextlib
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jobs.settings import ConfigError, keys, load
from jobs.settings.file import NEVER_EMPTY
from jobs.settings.table import describe
from tests.harness.configs import OTHER_WIF, load_text
from tests.harness.program import REGISTRAR_WIF
from tests.harness.support import DATA


def test_predecessors_file_is_read() -> None:
    settings = load(DATA / "predecessor-config.yml", {})
    assert settings.witness_url == ("ws://10.11.12.101:8090",)
    assert (settings.registrar, settings.default_referrer, settings.wif) == ("nathan", "nathan", OTHER_WIF)
    assert settings.admins == ("adminA@example.com", "adminB@example.com")
    assert (settings.minIPAge, settings.payment, settings.core_asset) == (300, Decimal(10000), "TEST")
    assert "redis_ip is no longer needed" in settings.notes[0]
    assert "old_clients" in settings.notes[1]
    assert len(settings.notes) == 2


@pytest.mark.parametrize("value", ["true", "false"])
def test_predecessors_file_with_old_clients_gets_no_note(tmp_path: Path, value: str) -> None:
    text = (DATA / "predecessor-config.yml").read_text()
    settings = load_text(tmp_path, f"{text}\nold_clients: {value}\n")
    assert len(settings.notes) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("old_clients: false", 0),
        ("old_clients: true", 15),
        ("old_clients: true\nreply_wait: 4", 4),
        ("old_clients: true\nreply_wait: 0", 0),
        ("old_clients: true\nreply_wait_max: 10", 10),
    ],
)
def test_old_clients_set_the_reply_wait(tmp_path: Path, text: str, seconds: float) -> None:
    assert load_text(tmp_path, text).reply_wait == seconds


@pytest.mark.parametrize("text", ["", "proof_of_work: off", "proof_of_work: 'off'", "proof_of_work: no"])
def test_nobody_is_asked_for_work_by_default(tmp_path: Path, text: str) -> None:
    """YAML takes an unquoted off for false."""
    assert load_text(tmp_path, text).proof_of_work == "off"


def test_every_predecessor_key_is_known() -> None:
    predecessors = (
        "secret_key nobroadcast mail_host mail_user mail_pass mail_from admins minIPAge restrict_ip witness_url "
        "registrar default_referrer referrer_percent wif balance_mailthreshold core_asset enable_initial_balance "
        "initial_balance disable_premium_names require_fields proxy additional_owner_accounts "
        "additional_active_accounts additional_owner_keys additional_active_keys"
    )
    assert set(predecessors.split()) <= keys().keys()


def test_empty_file_uses_the_embedded_dev_chain(tmp_path: Path) -> None:
    settings = load_text(tmp_path, "")
    assert settings.uses_devchain
    assert (settings.registrar, settings.default_referrer) == ("faucet", "faucet")
    assert settings.ledger == tmp_path / "faucet.db"


def test_values_are_typed(tmp_path: Path) -> None:
    settings = load_text(
        tmp_path,
        f"""
        witness_url: [ws://one:8090, wss://two/ws]
        registrar: my-registrar
        wif: {REGISTRAR_WIF}
        referrer_percent: 12.5
        initial_balance: 0.00001
        trusted_proxies: 10.0.0.0/8
        require_fields: email
        additional_owner_accounts: null
        ledger: books/faucet.db
        """,
    )
    assert settings.witness_url == ("ws://one:8090", "wss://two/ws")
    assert settings.default_referrer == "my-registrar"
    assert settings.referrer_percent == 1250
    assert settings.initial_balance == Decimal("0.00001")
    assert settings.payment is None
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"),)
    assert settings.require_fields == ("email",)
    assert settings.additional_owner_accounts == ()
    assert settings.ledger == tmp_path / "books" / "faucet.db"


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("port: 5000\nminIPage: 3", "config.yaml:2: minIPage: is not a key of this file; the nearest is minIPAge"),
        ("minIPAge: soon", "config.yaml:1: minIPAge: must be a whole number"),
        ("port: 5\nport: 6", "config.yaml:2: port: stands already in line 1"),
        ("port: 70000", "config.yaml:1: port: must be a whole number from 0 to 65535"),
        ("port: true", "config.yaml:1: port: "),
        ("lease_seconds: 0.5", "config.yaml:1: lease_seconds: must be seconds from 1 to 60"),
        ("lease_seconds: 61", "config.yaml:1: lease_seconds: must be seconds from 1 to 60"),
        ("machine: our machine", "config.yaml:1: machine: must be a name of at most 64 letters"),
        ("reply_wait: 60", "config.yaml:1: reply_wait: is longer than reply_wait_max"),
        ("proof_of_work: md5", "config.yaml:1: proof_of_work: must be one of off, sha256, argon2"),
        ("proof_of_work: true", "config.yaml:1: proof_of_work: must be one of off, sha256, argon2"),
        ("proof_of_work: [sha256]", "config.yaml:1: proof_of_work: must be one of off, sha256, argon2"),
        ("work_seconds: 0", "config.yaml:1: work_seconds: must be seconds from 0.001 to 120"),
        ("work_seconds: .nan", "config.yaml:1: work_seconds: must be seconds from 0.001 to 120"),
        ("work_seconds: 61", "config.yaml:1: work_seconds: is longer than work_seconds_max"),
        ("invitation: required\nproof_of_work: sha256", "config.yaml:2: proof_of_work: is asked of nobody where"),
        ("limits: [ipv4/24]", "config.yaml:1: limits: must be a mapping of 16 lines at most"),
        ("limits: {ipv4/33: 1 per day}", "config.yaml:1: limits: must name networks as ipv4/8 to"),
        ("limits: {ipv4/24: 5}", "config.yaml:1: limits: must say of ipv4/24: COUNT per hour, or"),
        ("limits: {ipv4/24: 1 per 31 days}", "config.yaml:1: limits: must say of ipv4/24: COUNT per hour, or"),
        ("limits: {ipv4/24: 0 per day}", "config.yaml:1: limits: must say of ipv4/24: COUNT per hour, or"),
        ("witness_url: http://x", "config.yaml:1: witness_url: must be a URL"),
        ("witness_url: ws://x:99999", "config.yaml:1: witness_url: must be a URL"),
        ("witness_url: ws://x:1", "config.yaml: registrar: is needed"),
        ("witness_url: ws://x:1\nregistrar: bob", "config.yaml: wif: is needed"),
        ("registrar: Bob", "config.yaml:1: registrar: must be an account's name"),
        ("initial_balance: -1", "config.yaml:1: initial_balance: must be an amount"),
        ("initial_balance: .nan", "config.yaml:1: initial_balance: must be an amount"),
        ("trusted_proxies: [nowhere]", "config.yaml:1: trusted_proxies: must be an address"),
        ("port: 1\nadmin_networks: [nowhere]", "config.yaml:2: admin_networks: must be an address"),
        ("admin_networks: 10.0.0.5/8", "config.yaml:1: admin_networks: must be an address such as"),
        ("admin_networks: [10.0.0.0/8, '']", "config.yaml:1: admin_networks: must be an address"),
        ("admin_networks: [10.0.0.0/8, null]", "config.yaml:1: admin_networks: must be an address"),
        ("admin_networks: 10.0.0.0/33", "config.yaml:1: admin_networks: must be an address"),
        ("admin_networks: 10.0.0.0/8, 192.0.2.1", "config.yaml:1: admin_networks: must be an address"),
        ("admin_networks: []", "config.yaml:1: admin_networks: is empty"),
        ("admin_networks:", "config.yaml:1: admin_networks: is empty"),
        ("wif_file: missing.wif", "config.yaml:1: wif_file: can't be read"),
        ("require_fields: [shoe_size]", "config.yaml:1: require_fields: must be one of"),
        ("additional_owner_keys: [TEST1]", "config.yaml:1: additional_owner_keys: must be a public key"),
        ("port: 05000", "config.yaml:1: port: must not begin with a zero"),
        ("minIPAge: -0300", "config.yaml:1: minIPAge: must not begin with a zero"),
        ("initial_balance: 08", "config.yaml:1: initial_balance: must not begin with a zero"),
        ("initial_balance: '010.5'", "config.yaml:1: initial_balance: must not begin with a zero"),
        ("daily_budget: 025 %", "config.yaml:1: daily_budget: must not begin with a zero"),
        ("additional_owner_accounts: [a-1, 0123]", "config.yaml:1: additional_owner_accounts: must not begin with"),
        ("port: 0x50", "config.yaml:1: port: must be written in decimal"),
        ("minIPAge: 1:30", "config.yaml:1: minIPAge: must be written in decimal"),
        ("mail_pass: 0123", "config.yaml:1: mail_pass: must be a text in quotes"),
        ("witness_url: ''", "config.yaml:1: witness_url: is empty"),
        ("witness_url:", "config.yaml:1: witness_url: is empty"),
        ("witness_url: []", "config.yaml:1: witness_url: is empty"),
        ("witness_url: ['']", "config.yaml:1: witness_url: must be a URL"),
        ("proxy: ['']", "config.yaml:1: proxy: must be a text"),
        ("additional_owner_accounts: ['']", "config.yaml:1: additional_owner_accounts: must be an account's name"),
        ("trusted_proxies: ['']", "config.yaml:1: trusted_proxies: must be an address"),
        ("witness_url: ws://x:1\nregistrar: ' '", "config.yaml:2: registrar: is needed"),
        ("witness_url: ws://x:1\nregistrar: bob\nwif: ''", "config.yaml:3: wif: is needed"),
        ("mail_host: smtp://mail.x.org", "config.yaml:1: mail_host: must be HOST"),
        ("mail_host: mail.x.org:port", "config.yaml:1: mail_host: must be HOST"),
        ("core_asset: test", "config.yaml:1: core_asset: must be an asset's symbol"),
        ("- a list", "config.yaml: must be"),
        ("a: [", "config.yaml:1: is not YAML"),
        ("a: \x01", "config.yaml: is not YAML"),
    ],
)
def test_mistake_is_reported_with_its_line_and_key(tmp_path: Path, text: str, start: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


def test_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^nothing.yaml: can't be read"):
        load(tmp_path / "nothing.yaml", {})


@pytest.mark.parametrize(
    "value",
    ["", "[]", "''", "['']", "['a@x.org', null]", "a@x.org; b@x.org", "a@x.org, b@x.org", "\n  a@x.org\n  b@x.org", "a",
     "|\n  a@x.org\n  b@x.org", "|\n  - a@x.org", "Ann <a@x.org>", "a@", "[a@x.org b@x.org]", "{a: b}", "a@x.org.",
     "[[a@x.org]]", "mailto:a@x.org", "a@@x.org", "'a@x.org\\n'", "5"],
)  # fmt: skip
def test_admins_that_are_no_addresses_are_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match=r"^config.yaml:2: admins: (?:is empty|must be mail addresses)"):
        load_text(tmp_path, f"port: 1\nadmins: {value}")


def test_addresses_are_taken(tmp_path: Path) -> None:
    settings = load_text(tmp_path, "admins: [a.b+c@x.org, root@localhost]\nmail_from: 'Our Faucet <f@x.org>'")
    assert (settings.admins, settings.mail_from) == (("a.b+c@x.org", "root@localhost"), "Our Faucet <f@x.org>")


@pytest.mark.parametrize(
    "text", [f"wif: {REGISTRAR_WIF[:-1]}x", f"wif: [{REGISTRAR_WIF}]", f"mail_pass: [{OTHER_WIF}]"]
)
def test_messages_repeat_no_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)
    assert REGISTRAR_WIF[:20] not in str(caught.value)
    assert OTHER_WIF not in str(caught.value)


#: Keys whose value is any text, or a secret of its own.
_ANY_TEXT = {
    "secret_key",
    "mail_pass",
    "mail_user",
    "host",
    "ledger",
    "lists_file",
    "devchain_data",
    "cors_origins",
    "admins",
    "mail_from",
}


@pytest.mark.parametrize("key", sorted(keys().keys() - _ANY_TEXT))
@pytest.mark.parametrize("form", ["{}", "[{}]", "'{}, {}'"])
def test_password_under_a_wrong_key_is_not_repeated(tmp_path: Path, key: str, form: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, f"{key}: {form.replace('{}', 'Hush!Hush2')}")
    assert "Hush" not in str(caught.value)


@pytest.mark.parametrize("key", sorted(keys().keys() - {"wif"}))
def test_private_key_under_a_wrong_key_is_refused(tmp_path: Path, key: str) -> None:
    for value in (OTHER_WIF, f"[{OTHER_WIF}]", f"x{OTHER_WIF}", f"{{{OTHER_WIF}: 1}}"):
        with pytest.raises(ConfigError, match=f":1: {key}: holds a private key") as caught:
            load_text(tmp_path, f"{key}: {value}")
        assert OTHER_WIF not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [f"{OTHER_WIF}: x", f"? [{OTHER_WIF}]\n: x", f"wif: *{OTHER_WIF}", f"wif: !{OTHER_WIF} x", f"wif: !{OTHER_WIF}!x y",
     f"wif: %{OTHER_WIF}", f"a: &{OTHER_WIF} 1\nb: &{OTHER_WIF} 2", f"{OTHER_WIF}", f"wif: {OTHER_WIF}: x",
     f"port: 5\n{OTHER_WIF}", f"wif {OTHER_WIF}: 5"],
)  # fmt: skip
def test_misplaced_secret_is_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)
    assert OTHER_WIF not in str(caught.value)


@pytest.mark.parametrize("key", sorted(keys().keys() - NEVER_EMPTY))
def test_empty_value_is_as_good_as_none(tmp_path: Path, key: str) -> None:
    for value in ("", "''", "'  '", "|\n"):
        assert load_text(tmp_path, f"{key}: {value}") == load_text(tmp_path, "")


def test_empty_list_is_a_list_of_none(tmp_path: Path) -> None:
    settings = load_text(tmp_path, "own_nodes: []\ntrusted_proxies: []\nadditional_owner_keys: []")
    assert (settings.own_nodes, settings.trusted_proxies, settings.additional_owner_keys) == ((), (), ())


def test_settings_hide_their_secrets(tmp_path: Path) -> None:
    settings = load_text(tmp_path, f"wif: {REGISTRAR_WIF}\nmail_pass: hush\nsecret_key: quiet")
    assert not [secret for secret in (REGISTRAR_WIF, "hush", "quiet") if secret in repr(settings)]


def test_every_key_is_described() -> None:
    assert [key for key, _, description in describe() if not description] == []


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(keys())), _values, max_size=4))
def test_any_value_is_accepted_or_reported(tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("config")
    with contextlib.suppress(ConfigError):
        load_text(folder, yaml.safe_dump(values))
