"""What the environment and wif_file set beside the configuration file."""

from pathlib import Path

import pytest

from jobs.settings import ConfigError, load
from tests.harness.configs import OTHER_WIF, load_text
from tests.harness.program import REGISTRAR_WIF


def test_environment_overrides_the_file(tmp_path: Path) -> None:
    environ = {"FAUCET_WIF": REGISTRAR_WIF, "FAUCET_SECRET_KEY": "s", "FAUCET_MAIL_PASS": "m"}
    settings = load_text(tmp_path, f"wif: {OTHER_WIF}\nmail_pass: other", environ)
    assert (settings.wif, settings.secret_key, settings.mail_pass) == (REGISTRAR_WIF, "s", "m")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FAUCET_WIF", "5K", "is not a private key"),
        ("FAUCET_MAIL_PASS", OTHER_WIF, "holds a private key"),
        ("FAUCET_SECRET_KEY", OTHER_WIF, "holds a private key"),
    ],
)
def test_variable_is_blamed_by_its_name(tmp_path: Path, variable: str, value: str, words: str) -> None:
    """Whatever the file says of the key that it overrides."""
    for text in ("", f"wif: {REGISTRAR_WIF}\nmail_pass: other\nsecret_key: other"):
        with pytest.raises(ConfigError, match=rf"^{variable} \(environment\): {words}") as caught:
            load_text(tmp_path, text, {variable: value})
        assert value not in str(caught.value)


def test_variable_that_contradicts_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "registrar.wif").write_text(REGISTRAR_WIF)
    with pytest.raises(ConfigError, match=r"config.yaml:1: wif_file: FAUCET_WIF is given too"):
        load_text(tmp_path, "wif_file: registrar.wif", {"FAUCET_WIF": OTHER_WIF})


def test_empty_variable_overrides_nothing(tmp_path: Path) -> None:
    environ = {"FAUCET_WIF": " ", "FAUCET_SECRET_KEY": "", "FAUCET_MAIL_PASS": "\n"}
    settings = load_text(tmp_path, f"wif: {OTHER_WIF}\nmail_pass: other", environ)
    assert (settings.wif, settings.secret_key, settings.mail_pass) == (OTHER_WIF, None, "other")


def test_wif_file_is_blamed_for_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "empty.wif").write_text("\n")
    with pytest.raises(ConfigError, match=r"config.yaml:1: wif_file: the file is empty"):
        load_text(tmp_path, "wif_file: empty.wif")
    with pytest.raises(ConfigError, match=r"wif_file: can't be read in CREDENTIALS_DIRECTORY: FileNotFoundError"):
        load_text(tmp_path, "wif_file: none.wif", {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_private_key_is_read_from_wif_file(tmp_path: Path) -> None:
    (tmp_path / "registrar.wif").write_text(f"{REGISTRAR_WIF}\n")
    assert load_text(tmp_path, "wif_file: registrar.wif").wif == REGISTRAR_WIF
    with pytest.raises(ConfigError, match="wif_file: wif is given too"):
        load_text(tmp_path, f"wif_file: registrar.wif\nwif: {REGISTRAR_WIF}")


def test_wif_file_is_found_among_systemd_credentials(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "registrar.wif").write_text(REGISTRAR_WIF)
    config = tmp_path / "config.yaml"
    config.write_text("wif_file: registrar.wif\n")
    assert load(config, {"CREDENTIALS_DIRECTORY": str(credentials)}).wif == REGISTRAR_WIF
