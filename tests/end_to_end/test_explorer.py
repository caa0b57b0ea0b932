"""Links to a block explorer, by the program."""

from pathlib import Path

import pytest

from tests.harness.program import command, dev_chain, faucet

EXPLORER = "https://explorer.example"


async def test_pages_link_what_is_on_the_chain(tmp_path: Path) -> None:
    """One key serves accounts, blocks and transactions."""
    url = f"{EXPLORER}/#/accounts/{{name}}"
    async with dev_chain() as chain, faucet(tmp_path, chain.url, explorer_url=url) as service:
        job_id = (await service.sign_up("alice-1")).body["job"]["id"]
        job = await service.job(job_id, until="done")
        page = (await service.fetch(f"/jobs/{job_id}")).body.decode()
        places = ("accounts/alice-1", f"blocks/{job['block_num']}", f"txs/{job['transaction_id']}")
        assert not [place for place in places if f'href="{EXPLORER}/#/{place}" rel="noopener noreferrer"' not in page]
        assert f'href="{EXPLORER}/#/accounts/alice-1"' in (await service.fetch("/status")).body.decode()


@pytest.mark.parametrize(
    "url", ["ftp://x.example/{name}", "https://x.example/", "https://x.example/{id}", "https://a:hush@x.example/{name}"]
)
async def test_url_that_is_no_template_is_refused_at_the_start(tmp_path: Path, url: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"port: 0\nexplorer_url: {url}")
    code, output, errors = await command("serve", "--config", str(config))
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert errors.startswith("config.yaml:2: explorer_url: must ")
    assert "hush" not in errors
