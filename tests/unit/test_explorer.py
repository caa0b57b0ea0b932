"""The links to a block explorer in the configuration."""

from pathlib import Path

import pytest

from jobs.settings import ConfigError, Settings, load
from jobs.settings.explorer import fill

OF_ACCOUNTS = "https://explorer.example/#/accounts/{name}"


def load_text(folder: Path, text: str) -> Settings:
    (folder / "config.yaml").write_text(text)
    return load(folder / "config.yaml", {})


def urls_of(settings: Settings) -> tuple[str | None, str | None, str | None]:
    return settings.explorer_url, settings.explorer_block_url, settings.explorer_transaction_url


def test_one_url_serves_accounts_blocks_and_transactions(tmp_path: Path) -> None:
    assert urls_of(load_text(tmp_path, f"explorer_url: {OF_ACCOUNTS}")) == (
        OF_ACCOUNTS,
        "https://explorer.example/#/blocks/{number}",
        "https://explorer.example/#/txs/{id}",
    )


def test_url_of_another_form_says_nothing_of_blocks(tmp_path: Path) -> None:
    urls = urls_of(load_text(tmp_path, "explorer_url: http://[::1]:8080/?account={name}"))
    assert urls == ("http://[::1]:8080/?account={name}", None, None)


def test_urls_of_their_own_win(tmp_path: Path) -> None:
    block, transaction = "http://b.example/{number}", "https://t.example/tx?id={id}"
    text = f"explorer_url: {OF_ACCOUNTS}\nexplorer_block_url: {block}\nexplorer_transaction_url: {transaction}"
    assert urls_of(load_text(tmp_path, text)) == (OF_ACCOUNTS, block, transaction)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://x.example/{name}", "must be a URL"),
        ("javascript:alert(1)//{name}", "must be a URL"),
        ("javascript://x.example/%0a{name}", "must be a URL"),
        ("data:text/html,{name}", "must be a URL"),
        ("//x.example/{name}", "must be a URL"),
        ("/accounts/{name}", "must be a URL"),
        ("https:///{name}", "must be a URL"),
        ("https:x.example/{name}", "must be a URL"),
        ("https://x.example:port/{name}", "must be a URL"),
        ("https://x.example:99999/{name}", "must be a URL"),
        ("https://[x.example/{name}", "must be a URL"),
        ("https:\\\\x.example/{name}", "must be a URL"),
        ("https://x.example/ {name}", "must be a URL"),
        ("https://x.example/\t{name}", "must be a URL"),
        ('https://x.example/"onclick="{name}', "must be a URL"),
        ("https://x.example/<b>{name}", "must be a URL"),
        ("https://x.example/\u202e{name}", "must be a URL"),
        ("https://x.example/", "must hold {name}"),
        ("https://x.example/{}", "must hold {name}"),
        ("https://x.example/{id}", "must hold {name}"),
        ("https://x.example/{number}/{name}", "must hold {name}"),
        ("https://x.example/{{name}}", "must hold {name}"),
        ("https://x.example/{name!r}", "must hold {name}"),
        ("https://x.example/{name.__class__}", "must hold {name}"),
        ("https://x.example/{NAME}", "must hold {name}"),
        ("https://{name}.x.example/", "must hold {name}"),
        ("https://{name}/{name}", "must hold {name}"),
        ("https://ann:hush@x.example/{name}", "must hold no user and no password"),
        ("https://hush@x.example/{name}", "must hold no user and no password"),
        ("https://{name}@x.example/{name}", "must hold no user and no password"),
    ],
)
def test_url_that_is_no_template_is_refused_with_its_line(tmp_path: Path, url: str, problem: str) -> None:
    written = url.encode("unicode_escape").decode().replace('"', '\\"')
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, f'port: 5000\nexplorer_url: "{written}"')
    assert str(caught.value).startswith(f"config.yaml:2: explorer_url: {problem}")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(("key", "placeholder"), [("block", "{number}"), ("transaction", "{id}")])
def test_placeholder_of_another_key_is_refused(tmp_path: Path, key: str, placeholder: str) -> None:
    with pytest.raises(ConfigError, match=f":1: explorer_{key}_url: must hold {placeholder}"):
        load_text(tmp_path, f"explorer_{key}_url: https://x.example/{{name}}")


def test_value_is_escaped() -> None:
    name = "a/../b?c#d&e=\"f'<g> %2f\u00e9"
    escaped = "a%2F..%2Fb%3Fc%23d%26e%3D%22f%27%3Cg%3E%20%252f%C3%A9"
    assert fill(OF_ACCOUNTS, "{name}", name) == f"https://explorer.example/#/accounts/{escaped}"
