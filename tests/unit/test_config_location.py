"""The key `ledger`: a file, or a database whose password is elsewhere."""

from pathlib import Path
from urllib.parse import quote

import pytest

from jobs.settings import ConfigError
from jobs.settings.location import HAS_SECRET, NO_URL
from tests.harness.configs import load_text


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://faucet@db1/faucet",
        "postgres://faucet@db1:5433,db2/faucet?target_session_attrs=read-write",
        "postgresql:///faucet?host=%2Frun%2Fpostgresql",
        "postgresql://faucet@[::1]/faucet",
    ],
)
def test_database_is_taken_as_it_is_given(tmp_path: Path, url: str) -> None:
    settings = load_text(tmp_path, f"ledger: {url}")
    assert (settings.ledger, settings.ledger_file) == (url, None)


def test_file_is_relative_to_the_configuration(tmp_path: Path) -> None:
    settings = load_text(tmp_path, "ledger: books/faucet.db")
    assert settings.ledger == settings.ledger_file == tmp_path / "books/faucet.db"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("postgresql://faucet:hush@db1/faucet", HAS_SECRET),
        ("postgresql://faucet:hu%40sh@db1,db2/faucet", HAS_SECRET),
        ("postgresql://faucet:hu@sh@db1/faucet", HAS_SECRET),
        ("postgresql://faucet@db1/faucet?password=hush", HAS_SECRET),
        ("postgresql://faucet@db1/faucet?sslpassword=hush", HAS_SECRET),
        ("host=db1 dbname=faucet password=hush", NO_URL),
        ("mysql://faucet:hush@db1/faucet", NO_URL),
        ("postgresql://[hush/faucet", NO_URL),
    ],
)
def test_password_is_refused_by_its_line_and_not_repeated(tmp_path: Path, given: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_text(tmp_path, f"port: 5000\nledger: '{given}'")
    assert str(refused.value) == f"config.yaml:2: ledger: {sentence}"


def test_passfile_is_beside_the_configuration_or_a_credential(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    url = "postgresql:///faucet?passfile=ledger.pgpass&user=faucet"
    for folder, environ in ((tmp_path, {}), (credentials, {"CREDENTIALS_DIRECTORY": str(credentials)})):
        with pytest.raises(ConfigError, match=r"config\.yaml:1: ledger: names a passfile that can't be read"):
            load_text(tmp_path, f"ledger: {url}", environ)
        (folder / "ledger.pgpass").write_text("*:*:*:faucet:hush")
        settings = load_text(tmp_path, f"ledger: {url}", environ)
        assert settings.ledger == url.replace("ledger.pgpass", quote(str(folder / "ledger.pgpass"), safe=""))
