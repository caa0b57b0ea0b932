"""What is refused, code by code, and what is not: the contract's table over HTTP."""

import asyncio
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chain.wallet import derive_key
from handlers.api.openapi import DOCUMENT
from handlers.app import ROUTES
from handlers.http.errors import STATUS
from jobs.budget import retry_after
from jobs.errors import Code
from tests.harness.loglines import log_lines
from tests.harness.program import HttpReply, keys_of
from tests.harness.serving import CHAIN_STATUS, CLIENT, Serving, serving

API = "/api/v1/accounts"
WIF = derive_key("alice-1", "owner", "secret").wif()


async def post(api: Serving, account: Any, **options: Any) -> HttpReply:
    """Post a signup."""
    return await api.fetch(API, method="POST", body=msgspec.json.encode({"account": account}), **options)


def account(name: Any = "alice-1", **changes: Any) -> dict[str, Any]:
    """A valid signup, changed; a change to None leaves the field out."""
    fields = {"name": name, **keys_of(str(name)), **changes}
    return {field: value for field, value in fields.items() if value is not None}


KEY = keys_of("alice-1")["owner_key"]

REFUSED: list[tuple[dict[str, Any], int, str, str | None]] = [
    (account(owner_key=None), 400, "missing_field", "owner_key"),
    (account(memo_key=""), 400, "missing_field", "memo_key"),
    (account(name=7), 400, "bad_request", "name"),
    (account(email="a\nb"), 400, "bad_request", "email"),
    (account(real_name="x" * 256), 400, "bad_request", "real_name"),
    (account("Alice-1"), 422, "invalid_name", "name"),
    (account("alice--"), 422, "invalid_name", "name"),
    (account("a" * 64), 422, "invalid_name", "name"),
    (account("alice"), 422, "premium_name", "name"),
    (account(active_key="00"), 422, "invalid_key", "active_key"),
    (account(active_key="abcdef"), 422, "invalid_key", "active_key"),
    (account(owner_key="BTS" + KEY[4:]), 422, "invalid_key", "owner_key"),
    (account(owner_key=KEY[:-1] + ("2" if KEY[-1] != "2" else "3")), 422, "invalid_key", "owner_key"),
    (account(owner_key=KEY[:-1] + "0"), 422, "invalid_key", "owner_key"),
    (account(owner_key=KEY + "1"), 422, "invalid_key", "owner_key"),
    (account(memo_key=WIF), 422, "private_key_sent", "memo_key"),
    (account(real_name=WIF), 422, "private_key_sent", "real_name"),
    (account(referrer="bob"), 422, "unknown_referrer", "referrer"),
]


@pytest.mark.parametrize(("given", "status", "code", "field"), REFUSED)
async def test_refusal_names_code_and_field(
    tmp_path: Path, given: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    async with serving(tmp_path) as api:
        reply = await post(api, given)
        assert (reply.status, reply.body["error_code"], reply.body.get("error_field")) == (
            status,
            code,
            field,
        )
        assert reply.body["error"].keys() == {"base"}
        assert all(isinstance(sentence, str) for sentence in reply.body["error"]["base"])
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.headers["X-Request-ID"]
        assert await api.ledger.queries.jobs() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"text"', b"{}", b'{"account": []}', b"\xff\xfe", b'{"account": ' + b"[" * 5000,
     b'{"account": {"name": NaN}}', b'{"account": {"name": "\\ud800"}}', b'{"account": {"name": 1e999}}'],
)  # fmt: skip
async def test_malformed_body_is_a_bad_request(tmp_path: Path, body: bytes) -> None:
    async with serving(tmp_path) as api:
        reply = await api.fetch(API, method="POST", body=body)
        assert (reply.status, reply.body["error_code"]) == (400, "bad_request")


async def test_sentences_of_old_clients_are_kept(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await post(api, account(), headers={"X-Forwarded-For": "192.0.2.1"})
        replies = [
            await post(api, account(owner_key=None)),
            await post(api, account(owner_key=keys_of("other")["owner_key"])),
            await post(api, account("premium")),
            await post(api, account("bob-1", referrer="bob")),
            await post(api, account("bob-1"), headers={"X-Forwarded-For": "192.0.2.1"}),
        ]
        assert [reply.body["error"]["base"][0] for reply in replies] == [
            "Please provide 'owner_key'",
            "Account exists",
            "Only cheap names allowed!",
            "Unknown referrer: bob",
            "Only one account per IP",
        ]
        assert [reply.status for reply in replies] == [400, 409, 422, 422, 429]
        assert 0 < int(replies[4].headers["Retry-After"]) <= 300


def requests_with(secret: str) -> list[tuple[str, dict[str, Any]]]:
    """Each with a private key in another place."""
    plain = msgspec.json.encode({"account": account()})
    hidden = {**account(), "note": [{"deep": f'"{secret}"'}]}
    return [
        (API, {"method": "POST", "body": msgspec.json.encode({"account": account(owner_key=secret)})}),
        (API, {"method": "POST", "body": msgspec.json.encode({"account": hidden})}),
        (API, {"method": "POST", "body": f"owner_key={secret}"}),
        (API, {"method": "POST", "body": plain, "headers": {"X-Request-ID": secret[:64]}}),
        (f"{API}?key={secret}", {"method": "POST", "body": plain}),
        (f"/{secret}/api/v1/accounts", {"method": "POST", "body": plain}),
        (f"{API}/{secret}", {}),
        (f"/status?key={secret}", {}),
        (f"/nothing/{secret}", {"method": "PUT", "body": ""}),
        ("/nothing", {"method": "POST", "body": plain, "headers": {"X-Request-ID": secret[:64]}}),
    ]


@pytest.mark.parametrize("secret", [WIF, f"P{WIF}", "d2653ff7cbb2d8ff129ac27ef5781ce68b2558c41a74af1f2ddca635cbeef07d"])
async def test_private_key_leaves_no_trace(tmp_path: Path, caplog: pytest.LogCaptureFixture, secret: str) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as api:
            for path, options in requests_with(secret):
                reply = await api.fetch(path, **options)
                assert (path, reply.status, reply.body["error_code"]) == (path, 422, "private_key_sent")
                assert "consider it exposed" in reply.body["error"]["base"][0]
                assert secret not in f"{reply.body}{list(reply.headers.get_all())}"  # type: ignore[attr-defined]  # Tornado's
            assert await api.ledger.queries.jobs() == []
            assert secret not in (await api.fetch("/metrics")).body

    with caplog.at_level(0, "faucet"):
        await scenario()
    assert secret not in "".join(log_lines(caplog.records, "faucet"))
    assert not [path for path in tmp_path.iterdir() if secret.encode() in path.read_bytes()]


async def test_chain_id_is_not_taken_for_a_private_key(tmp_path: Path) -> None:
    chain_id = "0123456789abcdef" * 4

    async with serving(tmp_path, chain_status=replace(CHAIN_STATUS, chain_id=chain_id)) as api:
        reply = await post(api, account(refcode=chain_id), headers={"X-Request-ID": chain_id})
        assert (reply.status, reply.headers["X-Request-ID"]) == (200, chain_id)


@pytest.mark.parametrize(("given", "status", "code", "field"), REFUSED)
async def test_old_clients_are_refused_with_200(
    tmp_path: Path, given: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    """The same body as others get with `status`."""

    async with serving(tmp_path, old_clients=True) as api:
        for headers in ({}, {"Prefer": "wait=0"}):
            reply = await post(api, given, headers=headers)
            assert status != reply.status == 200
            assert (reply.body["error_code"], reply.body.get("error_field")) == (code, field)
            assert "account" not in reply.body


async def test_old_clients_get_other_errors_with_their_status(tmp_path: Path) -> None:
    async with serving(tmp_path, old_clients=True) as api:
        assert (await api.fetch(API)).status == 405
        assert (await api.fetch("/nothing", method="POST", body="{}")).status == 404
        assert (await api.fetch("/api/v1/jobs/none")).status == 404
        await api.ledger.operators.pause("intake", by="operator", reason="maintenance")
        assert (await post(api, account())).status == 503


async def test_throttled_old_clients_get_retry_after(tmp_path: Path) -> None:
    async with serving(tmp_path, old_clients=True) as api:
        replies = [await post(api, account(name), headers=CLIENT) for name in ("one-1", "two-1")]
        assert [reply.status for reply in replies] == [200, 200]
        assert replies[1].body["error_code"] == "throttled"
        assert int(replies[1].headers["Retry-After"]) > 0


async def test_address_limit_counts_ipv4_and_ipv6_prefix(tmp_path: Path) -> None:
    """IPv6 counts by /64; who comes straight from this machine is exempt; no stranger chooses its address."""

    async with serving(tmp_path) as api:
        cases = [
            ("one-1", {"X-Forwarded-For": "2001:db8::1"}, 200),
            ("one-2", {"X-Forwarded-For": "2001:db8::2"}, 429),
            ("one-3", {"X-Forwarded-For": "2001:db8:0:1::1"}, 200),
            ("one-4", {"X-Real-IP": "192.0.2.9"}, 200),
            ("one-5", {"X-Forwarded-For": "203.0.113.1, 192.0.2.9"}, 429),
            ("one-6", {}, 200),
            ("one-7", {}, 200),
        ]
        replies = [await post(api, account(name), headers=headers) for name, headers, _ in cases]
        assert [reply.status for reply in replies] == [status for _, _, status in cases]
        again = await post(api, account("one-1"), headers={"X-Forwarded-For": "2001:db8::1"})
        assert again.body["job"] == replies[0].body["job"]


@pytest.mark.parametrize(
    ("setting", "prepare", "code"),
    [({"queue_limit": 1}, "fill", "overloaded"), ({}, "pause", "paused"), ({}, "close", "ledger_unavailable")],
)
async def test_unavailable_has_retry_after(tmp_path: Path, setting: dict[str, Any], prepare: str, code: str) -> None:
    async with serving(tmp_path, **setting) as api:
        if prepare == "fill":
            await post(api, account("first-1"))
        elif prepare == "pause":
            await api.ledger.operators.pause("intake", by="operator", reason="maintenance")
        else:
            await break_ledger(tmp_path / "faucet.db")
        reply = await post(api, account())
        assert (reply.status, reply.body["error_code"]) == (503, code)
        assert int(reply.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("queue", "registration_rate", "seconds"),
    [(100_000, 100, 10), (100_000, 5_000, 1), (10, 1, 1), (100_000, 1, 60), (1, 0, 60)],
)
def test_retry_after_of_a_full_queue(queue: int, registration_rate: float, seconds: int) -> None:
    assert retry_after(queue, registration_rate) == seconds


async def break_ledger(path: Path) -> None:
    """Take a table away beneath the program."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"import sqlite3; sqlite3.connect({str(path)!r}).execute('DROP TABLE pauses')"
    )
    assert await process.wait() == 0


async def test_metrics_have_contract_names(tmp_path: Path) -> None:
    names = (
        'faucet_signups_total{outcome="accepted"}', 'faucet_signups_total{outcome="invalid_key"}',
        'faucet_jobs{state="queued"} 1.0', "faucet_registration_seconds_bucket", "faucet_batch_accounts_bucket",
        "faucet_transactions_total", "faucet_registrar_balance 10000.0", "faucet_account_fee 5.1494",
        "faucet_chain_connected 1.0", "faucet_chain_head_block 1007.0", "faucet_chain_head_age_seconds",
        'faucet_http_request_seconds_count{method="POST",route="signup",status="200"} 1.0',
    )  # fmt: skip

    async with serving(tmp_path) as api:
        await post(api, account())
        await post(api, account("bob-1", owner_key="x"))
        text = (await api.fetch("/metrics")).body
        assert [name for name in names if name not in text] == []


def test_document_has_every_address_of_the_api() -> None:
    api = ("/api/v1", "/healthz/intake")
    served_paths = {pattern.replace(r"\.", ".") for pattern, *_ in ROUTES if pattern.startswith(api)}
    described = {re.sub(r"\{\w+\}", "([^/]+)", path) for path in DOCUMENT["paths"]}
    assert described | {"/api/v1/openapi.json"} == served_paths


def test_every_code_has_a_status() -> None:
    assert set(STATUS) == set(Code)


@pytest.mark.parametrize(
    ("premium_fee", "max_fee", "refused"),
    [(200_000_001, 200_000_000, True), (200_000_000, 200_000_000, False), (200_000_001, None, False), (None, 1, False)],
)
async def test_premium_name_above_the_fee_ceiling_is_refused(
    tmp_path: Path, premium_fee: int | None, max_fee: int | None, *, refused: bool
) -> None:
    async with serving(tmp_path, disable_premium_names=False) as api:
        await api.see(premium_fee=premium_fee, max_fee=max_fee)
        reply = await post(api, account("alice"))
        code = (await api.fetch(f"{API}/alice2")).body["account"]["code"]
        assert code is None
        if refused:
            assert (reply.status, reply.body["error_code"]) == (422, "premium_name")
            assert (await api.fetch(f"{API}/alice")).body["account"]["code"] == "premium_name"
        else:
            assert reply.status == 200
        assert (await post(api, account("alice-1"))).status == 200
