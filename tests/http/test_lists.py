"""What lists deny, over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness.serving import CLIENT, Serving, serving

LISTS = """
names:
  deny: ['spam-.*']
  allow: [paypal-shop]
  reserved: [admin]
  brands: [paypal]
networks:
  deny: [192.0.2.0/24, '2001:db8::/32']
  allow: [192.0.2.1]
referrers:
  deny: ['bad-.*']
"""
DENIED = {"X-Forwarded-For": "192.0.2.77"}


@asynccontextmanager
async def listing(folder: Path, text: str = LISTS, **settings: Any) -> AsyncIterator[Serving]:
    """The application with these lists, and accounts that may be referrers."""
    file = folder / "lists.yaml"
    file.write_text(text)
    async with serving(folder, lists_file=file, **settings) as served:
        await served.ledger.names.save_page([("bad-1", "1.2.30"), ("bob-1", "1.2.31")], "bob-1")
        yield served


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("spam-1", "The name is not allowed here."),
        ("admin-1", "The name is reserved."),
        ("paypa1-1", "The name looks like one that is reserved."),
    ],
)
@pytest.mark.parametrize("query", ["", "?dry_run=1"])
async def test_denied_name_is_refused(tmp_path: Path, name: str, sentence: str, query: str) -> None:
    async with listing(tmp_path) as served:
        reply = await served.sign_up(name, f"/api/v1/accounts{query}", headers=CLIENT)
        assert (reply.status, reply.body["error_code"], reply.body["error_field"]) == (422, "invalid_name", "name")
        assert reply.body["error"] == {"base": [sentence]}
        assert await served.ledger.queries.jobs() == []
        available = (await served.fetch(f"/api/v1/accounts/{name}")).body["account"]
        assert (available["available"], available["code"]) == (False, "invalid_name")


async def test_name_that_is_allowed_after_all_is_accepted(tmp_path: Path) -> None:
    async with listing(tmp_path) as served:
        assert (await served.fetch("/api/v1/accounts/paypal-shop")).body["account"]["available"]
        assert (await served.sign_up("paypal-shop", headers=CLIENT)).status == 200


@pytest.mark.parametrize("address", ["192.0.2.77", "2001:db8::7", "::ffff:192.0.2.77", '"[2001:db8::7]:4711"'])
@pytest.mark.parametrize("restrict_ip", [True, False])
@pytest.mark.parametrize("query", ["", "?dry_run=1"])
async def test_denied_network_is_refused(tmp_path: Path, address: str, restrict_ip: bool, query: str) -> None:
    async with listing(tmp_path, restrict_ip=restrict_ip) as served:
        headers = {"X-Forwarded-For": f"192.0.2.1, {address}"}
        reply = await served.sign_up("alice-1", f"/api/v1/accounts{query}", headers=headers)
        assert (reply.status, reply.body["error_code"]) == (403, "denied")
        assert reply.body["error"] == {"base": ["Signups are not accepted from this network."]}
        assert await served.ledger.queries.jobs() == []
        # Only signups are refused: whoever is denied may look.
        assert (await served.fetch("/api/v1/accounts/alice-1", headers=headers)).status == 200


@pytest.mark.parametrize("headers", [CLIENT, {}, {"X-Forwarded-For": "198.51.100.7"}])
async def test_other_networks_and_this_machine_are_accepted(tmp_path: Path, headers: dict[str, str]) -> None:
    async with listing(tmp_path) as served:
        assert (await served.sign_up("alice-1", headers=headers)).status == 200


async def test_all_networks_but_one_can_be_denied(tmp_path: Path) -> None:
    """This machine is none of them."""
    async with listing(tmp_path, "networks: {deny: [0.0.0.0/0, '::/0'], allow: [198.51.100.0/24]}") as served:
        statuses = [
            (await served.sign_up(f"al-{number}", headers=headers)).status
            for number, headers in enumerate([{}, CLIENT, {"X-Forwarded-For": "198.51.100.7"}])
        ]
        assert statuses == [200, 403, 200]


async def test_old_clients_are_told_with_status_200(tmp_path: Path) -> None:
    async with listing(tmp_path, old_clients=True) as served:
        reply = await served.sign_up("alice-1", headers=DENIED)
        assert (reply.status, reply.body["error_code"]) == (200, "denied")


@pytest.mark.parametrize("spelling", ["bad-1", "1.2.30"])
async def test_denied_referrer_is_refused_in_the_body(tmp_path: Path, spelling: str) -> None:
    async with listing(tmp_path) as served:
        reply = await served.sign_up("alice-1", referrer=spelling, headers=CLIENT)
        assert (reply.status, reply.body["error_code"]) == (422, "unknown_referrer")
        assert reply.body["error"] == {"base": ["This referrer is not accepted here."]}
        assert (await served.sign_up("alice-1", referrer="bob-1", headers=CLIENT)).status == 200


@pytest.mark.parametrize("spelling", ["bad-1", "1.2.30"])
async def test_denied_referrer_in_the_path_gives_way(tmp_path: Path, spelling: str) -> None:
    """The wallet's address names it, not the person."""
    async with listing(tmp_path) as served:
        reply = await served.sign_up("alice-1", f"/{spelling}/api/v1/accounts", headers=CLIENT)
        assert reply.status == 200
        assert (await served.job("alice-1")).signup.referrer is None


async def test_what_was_denied_is_counted_by_list(tmp_path: Path) -> None:
    async with listing(tmp_path) as served:
        for name in ("spam-1", "admin-1", "paypal-1", "alice-1"):
            await served.sign_up(name, headers=DENIED if name == "alice-1" else CLIENT)
        await served.sign_up("alice-1", referrer="bad-1", headers=CLIENT)
        lines = (await served.fetch("/metrics")).body.splitlines()
        for reason in ("name", "reserved", "brand", "network", "referrer"):
            assert f'faucet_denied_total{{list="{reason}"}} 1.0' in lines
        assert 'faucet_signups_total{outcome="denied"} 1.0' in lines
        assert "faucet_lists_problem 0.0" in lines


async def test_page_says_that_names_and_networks_are_denied(tmp_path: Path) -> None:
    async with listing(tmp_path) as served:
        page = (await served.fetch("/")).body
        assert ("Some names are reserved" in page, "from some networks" in page) == (True, True)
        assert "paypal" not in page
    async with listing(tmp_path, "") as served:
        page = (await served.fetch("/")).body
        assert ("Some names are reserved" in page, "from some networks" in page) == (False, False)


async def test_bad_file_keeps_the_lists_before_it_and_says_so(tmp_path: Path) -> None:
    async with listing(tmp_path) as served:
        file = tmp_path / "lists.yaml"
        file.write_text("names:\n  deny:\n  - (\n")
        await served.context.lists.reload()
        said = "lists.yaml:3: names.deny: is not a regular expression of RE2: missing ); what the file said before"
        assert said in (await served.fetch("/status")).body
        assert "faucet_lists_problem 1.0" in (await served.fetch("/metrics")).body
        assert (await served.fetch("/readyz")).status == 200
        assert (await served.sign_up("spam-1", headers=CLIENT)).status == 422
        file.unlink()
        await served.context.lists.reload()
        assert "lists.yaml: can&#39;t be read: No such file" in (await served.fetch("/status")).body
        assert (await served.sign_up("spam-1", headers=CLIENT)).status == 422
        file.write_text("")
        await served.context.lists.reload()
        assert "lists.yaml" not in (await served.fetch("/status")).body
        assert (await served.sign_up("spam-1", headers=CLIENT)).status == 200


async def test_process_that_could_never_read_the_lists_takes_no_signups(tmp_path: Path) -> None:
    """As one that was started again while the file is wrong; it mends itself with the file."""
    async with listing(tmp_path, "names: [") as served:
        reply = await served.sign_up("alice-1", headers=CLIENT)
        assert (reply.status, reply.body["error_code"], reply.headers["Retry-After"]) == (503, "paused", "60")
        ready = await served.fetch("/readyz")
        assert (ready.status, "no signup is accepted" in ready.body["checks"]["intake"]["text"]) == (503, True)
        assert (await served.fetch("/healthz/intake")).status == 503
        assert (await served.fetch("/")).status == 200
        assert (await served.fetch("/api/v1/accounts/alice-1")).body["account"]["code"] == "paused"
        (tmp_path / "lists.yaml").write_text(LISTS)
        await served.context.lists.reload()
        assert (await served.sign_up("alice-1", headers=CLIENT)).status == 200
        assert (await served.fetch("/healthz/intake")).status == 200
