"""The signup page over HTTP: when it is there, what it says, and what its headers allow."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handlers.pages.scripts import signup_scripts
from jobs.model.chain import ChainStatus
from tests.harness.pages import page
from tests.harness.serving import CHAIN_STATUS, NOW, Serving, serving

CLOSED = "No account can be made now"
WAITING = "New accounts have to wait"


async def test_page_is_off_unless_it_is_configured(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        assert (await served.fetch("/signup")).status == 404
        assert "/signup" not in (await page(served, "/")).links
        posted = await served.fetch("/signup", method="POST", body="")
        assert (posted.status, posted.body["error_code"]) == (404, "not_found")


async def test_other_pages_link_to_it(tmp_path: Path) -> None:
    async with serving(tmp_path, signup_page=True) as served:
        for path in ("/", "/status"):
            assert "/signup" in (await page(served, path)).links


async def test_page_needs_nothing_but_this_server(tmp_path: Path) -> None:
    async with serving(tmp_path, signup_page=True) as served:
        reply = await served.fetch("/signup")
        shown = await page(served, "/signup")
        links = [link for link in shown.links if not link.startswith("https://github.com/")]
        for link in links:
            assert link.startswith("/")
            assert (await served.fetch(link)).status == 200
        assert {script.url for script in (signup_scripts().entry, *signup_scripts().modules)} <= {*links}
        # The import map, which the policy allows by its digest.
        assert shown.inline == ["script"]
        assert f'<script type="importmap">{signup_scripts().import_map}</script>' in reply.body


async def test_headers_keep_others_out(tmp_path: Path) -> None:
    async with serving(tmp_path, signup_page=True) as served:
        headers = (await served.fetch("/signup")).headers
        assert headers["Content-Security-Policy"] == signup_scripts().policy
        assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")
        assert (headers["Cross-Origin-Opener-Policy"], headers["X-Frame-Options"]) == ("same-origin", "DENY")


async def test_page_takes_prefix_and_chain_from_the_chain(tmp_path: Path) -> None:
    status = replace(CHAIN_STATUS, prefix="XYZ", symbol="COIN", chain_id="ab" * 32)
    async with serving(tmp_path, chain_status=status, signup_page=True) as served:
        source = (await served.fetch("/signup")).body
        assert f'data-open="yes" data-prefix="XYZ" data-chain="COIN, id {"ab" * 32}"' in source
        assert "TEST" not in source
        assert "the account is yours on the COIN chain" in (await page(served, "/signup")).text


@pytest.mark.parametrize(
    ("settings", "said", "unsaid"),
    [
        ({}, ["Premium names are not registered", "One account per address every 5 min"], ["E-mail address"]),
        ({"disable_premium_names": False}, [], ["Premium names"]),
        ({"restrict_ip": False}, [], ["One account per address"]),
        ({"require_fields": ("email", "real_name")}, ["E-mail address", "Your name"], ["Reference code", "Referrer"]),
        ({"require_fields": ("refcode", "referrer")}, ["Reference code", "Referrer"], ["E-mail address"]),
    ],
)
async def test_page_follows_the_rules(
    tmp_path: Path, settings: dict[str, Any], said: list[str], unsaid: list[str]
) -> None:
    async with serving(tmp_path, signup_page=True, **settings) as served:
        text = (await page(served, "/signup")).text
        assert [part for part in said if part not in text] == []
        assert [part for part in unsaid if part in text] == []


async def test_page_is_open_while_accounts_only_have_to_wait(tmp_path: Path) -> None:
    async with serving(tmp_path, signup_page=True) as served:
        assert WAITING not in (await page(served, "/signup")).text
        await served.see(head_time=NOW - 61)
        shown = await page(served, "/signup")
        assert WAITING in shown.text
        assert "Head: is out of sync" in shown.text
        assert await is_open(served)


async def test_page_closes_while_signups_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, signup_page=True) as served:
        await served.ledger.operators.pause("intake", by="operator", reason="The chain is <upgraded>.")
        await served.see()
        shown = await page(served, "/signup")
        assert CLOSED in shown.text
        assert "Intake: The chain is <upgraded>." in shown.text
        assert not await is_open(served)
        await served.ledger.operators.resume("intake", by="operator")
        await served.see()
        assert await is_open(served)


async def test_page_closes_until_the_prefix_of_keys_is_known(tmp_path: Path) -> None:
    async with serving(tmp_path, chain_status=ChainStatus(), signup_page=True) as served:
        assert f"{CLOSED} " in (await page(served, "/signup")).text
        assert "Chain: no node was reached yet" in (await page(served, "/signup")).text
        assert not await is_open(served)


async def test_page_closes_without_a_ledger(tmp_path: Path) -> None:
    async with serving(tmp_path, signup_page=True) as served:
        await served.ledger._store.execute("DROP TABLE facts")
        assert CLOSED in (await page(served, "/signup")).text
        assert not await is_open(served)


async def is_open(served: Serving) -> bool:
    """Whether the page's buttons may be pressed."""
    return 'data-open="yes"' in (await served.fetch("/signup")).body


async def test_page_is_counted_under_its_name(tmp_path: Path) -> None:
    async with serving(tmp_path, signup_page=True) as served:
        await served.fetch("/signup")
        label = '{method="GET",route="signup_page",status="200"}'
        assert f"faucet_http_request_seconds_count{label} 1.0" in (await served.fetch("/metrics")).body
