"""Signups over HTTP: addresses, referrers, dry runs, waits."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from jobs.errors import Code
from jobs.model.job import State
from tests.harness.program import keys_of
from tests.harness.serving import CLIENT, complaints, register, serving, signup_of, turn, waiting_job


async def test_signup_replies_with_account_job_and_location(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("alice-1")
        job = await served.job("alice-1")
        url = f"/api/v1/jobs/{job.id}"
        assert reply.status == 200
        assert reply.headers["Location"] == url
        assert reply.body == {
            "account": {"name": "alice-1", **keys_of("alice-1"), "referrer": "faucet"},
            "job": {"id": job.id, "state": "queued", "url": url},
        }


@pytest.mark.parametrize(
    ("path", "referrer"),
    [
        ("/api/v1/accounts", None),
        ("/faucet", None),
        ("/faucet/api/v1/accounts", None),
        ("/bob/api/v1/accounts", "bob"),
    ],
)
async def test_referrer_in_path_is_kept(tmp_path: Path, path: str, referrer: str | None) -> None:
    async with serving(tmp_path) as served:
        await served.ledger.names.save_page([("bob", "1.2.8")], "bob")
        reply = await served.sign_up("alice-1", path)
        assert (reply.status, reply.body["account"]["referrer"]) == (200, referrer or "faucet")
        assert (await served.job("alice-1")).signup.referrer == referrer


@pytest.mark.parametrize("path", ["onboarding", "Not-A-Name", "1.2.99", "null", "undefined", "1.2.8x", "%20"])
async def test_unknown_referrer_in_path_falls_back_to_default(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("alice-1", f"/{path}/api/v1/accounts")
        assert (reply.status, reply.body["account"]["referrer"]) == (200, "faucet")
        assert (await served.job("alice-1")).signup.referrer is None


async def test_unknown_referrer_in_path_keeps_referrer_of_body(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.ledger.names.save_page([("bob", "1.2.8")], "bob")
        reply = await served.sign_up("alice-1", "/onboarding/api/v1/accounts", referrer="bob")
        assert reply.body["account"]["referrer"] == "bob"


@pytest.mark.parametrize(("path", "referrer"), [("/1.2.8/api/v1/accounts", None), ("/faucet", "1.2.8")])
async def test_referrer_by_id_is_replaced_by_its_name(tmp_path: Path, path: str, referrer: str | None) -> None:
    async with serving(tmp_path) as served:
        await served.ledger.names.save_page([("bob", "1.2.8")], "bob")
        reply = await served.sign_up("alice-1", path, referrer=referrer)
        assert (reply.status, reply.body["account"]["referrer"]) == (200, "bob")
        assert (await served.job("alice-1")).signup.referrer == "bob"


async def test_unknown_referrer_in_body_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("alice-1", referrer="1.2.99")
        assert (reply.status, reply.body["error"]["base"]) == (422, ["Unknown referrer: 1.2.99"])


@pytest.mark.parametrize(
    "path",
    ["//api/v1/accounts", "/api/v1/accounts/", "/faucet/", "/faucet/?wait=0", "//faucet//api/v1/accounts/",
     "http://wallet.example/api/v1/accounts", "HTTP://wallet.example//faucet/"],
)  # fmt: skip
async def test_extra_slashes_and_absolute_targets_are_accepted(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        body = signup_of("alice-1")
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        status, _, _ = await served.send(head.encode() + body)
        assert (status, (await served.job("alice-1")).signup.referrer) == (200, None)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
async def test_compressed_body_is_refused(tmp_path: Path, encoding: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("alice-1", headers={"Content-Encoding": encoding})
        assert (reply.status, reply.body["error_code"]) == (415, "unsupported_media_type")
        assert reply.headers["Accept-Encoding"] == "identity"
        assert (await served.sign_up("alice-1", headers={"Content-Encoding": "identity"})).status == 200


@pytest.mark.parametrize("query", ["dry_run", "dry_run=", "dry_run=True", "dry_run=YES", "dry_run=on", "Dry-Run=1"])
async def test_dry_run_flag_accepts_every_yes(tmp_path: Path, query: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("alice-1", f"/faucet?{query}")
        assert (reply.status, reply.body["dry_run"]) == (200, True)
        assert await served.ledger.queries.jobs() == []


@pytest.mark.parametrize("query", ["dry_run=0", "dry_run=false", "dry_run=please", "dry_run=1&dry_run=2"])
async def test_dry_run_flag_with_another_value_is_refused(tmp_path: Path, query: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("alice-1", f"/faucet?{query}")
        assert (reply.status, reply.body["error_field"]) == (400, "dry_run")
        assert await served.ledger.queries.jobs() == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_content_type_and_accept_are_ignored(tmp_path: Path, content_type: str) -> None:
    """Old wallets say what their library says."""

    async with serving(tmp_path) as served:
        headers = {"Content-Type": content_type, "Accept": "text/html"}
        assert (await served.sign_up("alice-1", headers=headers)).status == 200


async def test_repeated_signup_returns_the_same_job_unthrottled(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        replies = [await served.sign_up("alice-1", headers=CLIENT) for _ in range(3)]
        assert [reply.status for reply in replies] == [200] * 3
        assert len({reply.body["job"]["id"] for reply in replies}) == 1
        assert (await served.sign_up("alice-2", headers=CLIENT)).status == 429


async def test_failed_signup_may_be_repeated(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.sign_up("alice-1", headers=CLIENT)
        first = await served.job("alice-1")
        await served.ledger.drain.fail({first.number: (Code.CHAIN_REFUSED, "The chain refused it.")})
        again = await served.sign_up("alice-1", headers=CLIENT)
        assert again.status == 200
        assert again.body["job"]["id"] != first.id


@pytest.mark.parametrize(("name", "path"), [("alice-1", "/faucet?dry_run=1"), ("test-faucet-1", "/faucet")])
async def test_dry_run_returns_operation_and_stores_nothing(tmp_path: Path, name: str, path: str) -> None:
    async with serving(tmp_path) as served:
        await served.ledger.names.save_page([("faucet", "1.2.7")], "faucet")
        reply = await served.sign_up(name, path, headers=CLIENT)
        assert (reply.status, reply.body["dry_run"]) == (200, True)
        assert reply.body.keys() == {"account", "dry_run", "operation"}
        assert "Location" not in reply.headers
        number, body = reply.body["operation"]
        assert (number, body["name"], body["registrar"], body["referrer"]) == (5, name, "1.2.7", "1.2.7")
        assert await served.ledger.queries.jobs() == []
        assert (await served.sign_up("bob-1", headers=CLIENT)).status == 200


async def test_dry_run_runs_every_check(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.ledger.names.save_page([("test-faucet-1", "1.2.8")], "test-faucet-1")
        reply = await served.sign_up("test-faucet-1")
        assert (reply.status, reply.body["error_code"]) == (409, "account_exists")


@pytest.mark.parametrize("path", ["/faucet?wait=20", "/faucet"])
async def test_wait_lasts_until_account_is_in_a_block(tmp_path: Path, path: str) -> None:
    """Whether the request or the configuration asks for it."""

    async with serving(tmp_path, reply_wait=20) as served:
        posting = asyncio.create_task(served.sign_up("alice-1", path))
        await register(served.ledger, await waiting_job(served, "alice-1"))
        reply = await posting
        assert (reply.status, reply.body["job"]["state"]) == (200, "registered")


async def test_wait_is_capped_and_preference_confirmed(tmp_path: Path) -> None:
    """A wait that runs out brings the ordinary reply."""

    async with serving(tmp_path, reply_wait_max=0.01) as served:
        preferred = await served.sign_up("alice-1", headers={"Prefer": "respond-async, wait=100"})
        queried = await served.sign_up("alice-2", "/faucet?wait=100")
        assert (preferred.status, preferred.body["job"]["state"]) == (200, "queued")
        assert preferred.headers["Preference-Applied"] == "wait=0.01"
        assert (queried.status, queried.body["job"]["state"]) == (200, "queued")


async def test_unknown_preference_is_ignored(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("alice-1", headers={"Prefer": "wait=soon, handling=lenient"})
        assert reply.status == 200
        assert "Preference-Applied" not in reply.headers


@pytest.mark.parametrize("wait", ["soon", "-1", "nan", "inf", "1e999", "%ff"])
async def test_invalid_wait_is_refused_and_stores_nothing(tmp_path: Path, wait: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("alice-1", f"/faucet?wait={wait}")
        assert (reply.status, reply.body["error_code"]) == (400, "bad_request")
        assert await served.ledger.queries.jobs() == []


@pytest.mark.parametrize(
    ("code", "status", "field"), [(Code.ACCOUNT_EXISTS, 409, {"error_field": "name"}), (Code.CHAIN_REFUSED, 422, {})]
)
async def test_job_that_fails_during_wait_becomes_the_reply(
    tmp_path: Path, code: Code, status: int, field: dict[str, str]
) -> None:
    async with serving(tmp_path) as served:
        posting = asyncio.create_task(served.sign_up("alice-1", "/faucet?wait=20"))
        job = await waiting_job(served, "alice-1")
        await served.ledger.drain.fail({job.number: (code, "It came to nothing.")})
        reply = await posting
        error = {"error": {"base": ["It came to nothing."]}, "error_code": code, **field}
        assert (reply.status, reply.body) == (status, error)


async def test_job_that_is_cancelled_during_wait_becomes_the_reply(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        posting = asyncio.create_task(served.sign_up("alice-1", "/faucet?wait=20"))
        await served.ledger.operators.cancel(
            [(await waiting_job(served, "alice-1")).id], by="operator", reason="Not today."
        )
        reply = await posting
        assert (reply.status, reply.body["error"]["base"]) == (409, ["Not today."])


async def test_closed_client_is_dropped_once_its_wait_is_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the watch of its job nor a request that a stop would wait for, once its time is over."""

    async with serving(tmp_path, reply_wait_max=0.1) as served:
        _, writer = await served.connect()
        body = msgspec.json.encode({"account": {"name": "alice-1", **keys_of("alice-1")}})
        head = f"POST /faucet?wait=30 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        job = await waiting_job(served, "alice-1")
        writer.close()
        await served.watched(job.id, 0)
        assert await served.context.in_flight.wait_none(20)
        assert (await served.job("alice-1")).state is State.QUEUED
    assert complaints(caplog) == []


async def test_client_that_disconnects_within_its_body_is_dropped(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        _, writer = await served.connect()
        writer.write(b"POST /faucet HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        while await served.context.in_flight.wait_none(0):
            await turn()
        writer.close()
        assert await served.context.in_flight.wait_none(20)


async def test_stop_answers_waiting_clients(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        posting = asyncio.create_task(served.sign_up("alice-1", "/faucet?wait=20"))
        await waiting_job(served, "alice-1")
        served.ledger.changes.close()
        reply = await posting
        assert (reply.status, reply.body["job"]["state"]) == (200, "queued")


async def test_outcomes_are_counted_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        posting = asyncio.create_task(served.sign_up("alice-1", "/faucet?wait=20"))
        job = await waiting_job(served, "alice-1")
        await served.ledger.drain.fail({job.number: (Code.ACCOUNT_EXISTS, "Account exists")})
        await posting
        await served.sign_up("Alice")
        await served.sign_up("test-faucet")
        counted = [line for line in (await served.fetch("/metrics")).body.splitlines() if "signups_total{" in line]
        assert sorted(counted) == [
            'faucet_signups_total{outcome="accepted"} 1.0',
            'faucet_signups_total{outcome="dry_run"} 1.0',
            'faucet_signups_total{outcome="invalid_name"} 1.0',
        ]
