"""The operators' pages, held to networks."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.harness.operators import HASH, Operator
from tests.harness.serving import serving

NETWORKS = (ip_network("192.0.2.0/28"), ip_network("2001:db8:1::/48"), ip_network("127.0.0.1"))
#: Every kind of address below /admin, with one that is none.
PATHS = ("/admin", "/admin/jobs", "/admin/jobs/x/retry", "/admin/export", "/admin/logout", "/admin/no/such", "/admin/")
SENTENCE = "for the networks of admin_networks only"


def through_proxy(address: str) -> Mapping[str, str]:
    return {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_nothing_below_admin_is_for_clients_outside(tmp_path: Path, path: str, method: str) -> None:
    outside = through_proxy("198.51.100.1")
    async with serving(tmp_path, admin_password_hash=HASH, admin_networks=NETWORKS) as served:
        reply = await served.fetch(path, method=method, headers=outside, allow_nonstandard_methods=True)
        assert reply.status == 403
        assert method == "HEAD" or SENTENCE in reply.body
        assert "Set-Cookie" not in reply.headers
        assert not [name for name in reply.headers if name.startswith("Access-Control-")]
        assert (await served.fetch("/status", headers=outside)).status == 200


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("192.0.2.15", 200),
        ("192.0.2.16", 403),
        ("::ffff:192.0.2.15", 200),
        ("2001:db8:1:ffff::1", 200),
        ("2001:db8:2::1", 403),
        ("198.51.100.1, 192.0.2.1", 200),
        ("192.0.2.1, 198.51.100.1", 403),
        ("unknown", 403),
        ("192.0.2.1, unknown", 403),
    ],
)
async def test_client_is_where_the_trusted_proxies_say(tmp_path: Path, address: str, status: int) -> None:
    async with serving(tmp_path, admin_password_hash=HASH, admin_networks=NETWORKS) as served:
        assert (await served.fetch("/admin", headers=through_proxy(address))).status == status


async def test_client_that_no_proxy_forwards_can_not_choose_its_address(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"admin_password_hash": HASH, "admin_networks": NETWORKS[:1], "trusted_proxies": ()}
    async with serving(tmp_path, **settings) as served:
        assert (await served.fetch("/admin", headers=through_proxy("192.0.2.1"))).status == 403


async def test_this_machine_is_a_network_like_others(tmp_path: Path) -> None:
    for networks, status in ((NETWORKS, 200), (NETWORKS[:2], 403)):
        async with serving(tmp_path, admin_password_hash=HASH, admin_networks=networks) as served:
            assert (await served.fetch("/admin")).status == status


async def test_right_password_and_a_session_open_nothing_outside(tmp_path: Path) -> None:
    async with serving(tmp_path, admin_password_hash=HASH, admin_networks=NETWORKS) as served:
        operator = Operator(served, headers=dict(through_proxy("192.0.2.1")))
        assert (await operator.log_in()).status == 303
        operator.headers = dict(through_proxy("198.51.100.1"))
        assert (await operator.see("/admin/jobs")).status == 403
        assert (await operator.send("/admin/intake/pause", reason="x")).status == 403
        assert (await operator.log_in()).status == 403
        assert [entry.what for entry in await served.ledger.operators.audit()] == ["login"]
