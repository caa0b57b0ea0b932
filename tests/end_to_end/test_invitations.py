"""Invitations on the real program: made by a command or at a page, used once an account, and revoked."""

import asyncio
import json
import re
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.harness.chain_totals import read_totals
from tests.harness.operators import HASH, Door, Operator
from tests.harness.program import Faucet, command, dev_chain, faucet, on_chain, wait_ready
from tests.harness.supervised import CROWD

pytestmark = pytest.mark.usefixtures("each_engine")

CODE = re.compile(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}")
USES = 3
#: Where a faucet is killed: before and after the commit that accepts, and while the account is made.
STEPS = ("before:signups._commit:1", "after:signups._commit:1", "after:drain.record_signed:1", "after:node.broadcast:1")


async def made(service: Faucet, *options: str) -> list[str]:
    """The codes that the command prints."""
    code, output, errors = await command("invite", "--config", str(service.config), *options)
    assert (code, errors) == (0, "")
    return output.split()


async def listed(service: Faucet) -> list[dict[str, object]]:
    _, output, _ = await command("invitations", "--config", str(service.config), "--json")
    return [json.loads(line) for line in output.splitlines()]


async def test_crowd_at_four_processes_uses_an_invitation_as_often_as_it_says(tmp_path: Path) -> None:
    async with dev_chain() as chain:
        service = Faucet(tmp_path, on_chain(chain.url, invitation="required"))
        await service.start("--workers", "4")
        try:
            (code,) = await made(service, "--uses", str(USES))
            fields = {"invite": code.lower()}
            replies = await asyncio.gather(
                *(service.sign_up(f"invited-{each}", fields=fields) for each in range(CROWD))
            )
            assert Counter(reply.status for reply in replies) == {200: USES, 429: CROWD - USES}
            refused = next(reply for reply in replies if reply.status == 429)
            assert (refused.body["error_code"], refused.body["error_field"]) == ("throttled", "invite")
            uninvited = await service.sign_up("stranger-1")
            assert (uninvited.status, uninvited.body["error_code"]) == (403, "invitation_required")
            names = [reply.body["account"]["name"] for reply in replies if reply.status == 200]
            (invitation,) = await listed(service)
            assert (invitation["used"], set(names)) == (USES, set(invitation["names"]))  # type: ignore[call-overload]
        finally:
            await service.stop()


@pytest.mark.parametrize("step", STEPS)
async def test_killed_faucet_neither_loses_a_code_nor_takes_it_twice(tmp_path: Path, step: str) -> None:
    async with dev_chain() as chain:
        service = Faucet(tmp_path, on_chain(chain.url, enable_initial_balance=True, initial_balance=3))
        await command("init", "--config", str(service.config))
        (code,) = await made(service)
        await service.start(script=("tests/harness/killed_faucet.py", step))
        posting = asyncio.gather(service.sign_up("invited-1", fields={"refcode": code}), return_exceptions=True)
        assert await service.ended() == -signal.SIGKILL
        await posting
        await service.start()
        try:
            again = await service.sign_up("invited-1", fields={"refcode": code})
            other = await service.sign_up("invited-2", fields={"invite": code})
            assert (again.status, other.status) == (200, 429)
            await service.job(again.body["job"]["id"], until="done")
        finally:
            await service.stop()
        totals = await read_totals(chain.node)
        assert dict(totals.registered) == {"invited-1": 1}
        assert dict(totals.amounts) == {totals.ids["invited-1"]: 300_000}


async def test_invitation_pays_a_balance_of_its_own(tmp_path: Path) -> None:
    paying = {"enable_initial_balance": True, "initial_balance": 1}
    async with dev_chain() as chain, faucet(tmp_path, chain.url, **paying) as service:
        await wait_ready(service)
        (code,) = await made(service, "--balance", "2.5")
        reply = await service.sign_up("invited-1", fields={"invite": code})
        await service.job(reply.body["job"]["id"], until="done")
        totals = await read_totals(chain.node)
        assert dict(totals.amounts) == {totals.ids["invited-1"]: 250_000}
        for amount in ("0", "0.000001", "-1", "NaN", "1e20", "x"):
            refused = await command("invite", "--config", str(service.config), "--balance", amount)
            assert refused == (1, "", "The balance must be an amount of the core asset, with at most 5 decimals.\n")


async def test_balance_that_would_never_be_paid_is_refused(tmp_path: Path) -> None:
    service = Faucet(tmp_path, {})
    code, _, errors = await command("invite", "--config", str(service.config), "--balance", "1")
    assert (code, errors) == (1, "Initial balances are switched off, so an invitation can't bring one.\n")


async def test_operator_makes_and_revokes_invitations_at_a_page(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url, admin_password_hash=HASH) as service:
        operator = Operator(Door(service))
        await operator.log_in()
        page = await operator.send("/admin/invitations/make", count="2", uses="5", note="<school>")
        codes = set(CODE.findall(page.body))
        assert (page.status, len(codes), page.body.count("<svg")) == (200, 2, 2)
        overview = (await operator.see("/admin/invitations")).body
        assert "&lt;school&gt;" in overview
        assert not any(code in overview for code in codes)
        accepted = await service.sign_up("invited-1", fields={"invite": min(codes)})
        number = next(each["number"] for each in await listed(service) if each["used"])
        assert "invited-1" in (await operator.see(f"/admin/invitations/{number}")).body
        assert "The invitation is revoked." in await operator.do(f"/admin/invitations/{number}/revoke")
        refused = await service.sign_up("invited-2", fields={"invite": min(codes)})
        assert (accepted.status, refused.status, refused.body["error_code"]) == (200, 422, "invalid_invitation")
        told = [
            await operator.do("/admin/invitations/make", **fields) for fields in ({"count": "201"}, {"balance": "x"})
        ]
        assert ["must be a number from 1 to 200" in told[0], "switched off" in told[1]] == [True, True]
        assert (await operator.see("/admin/invitations/999")).status == 404


async def test_command_writes_codes_for_spreadsheets_and_printers(tmp_path: Path) -> None:
    service = Faucet(tmp_path, {})
    await command("init", "--config", str(service.config))
    files = tmp_path / "codes.csv", tmp_path / "codes.html"
    options = (
        "--count",
        "3",
        "--csv",
        str(files[0]),
        "--sheet",
        str(files[1]),
        "--url",
        "https://faucet.example/signup",
    )
    assert await made(service, *options, "--note", "A <class>") == ["3", "invitations", "are", "made"]
    table, sheet = (file.read_text() for file in files)
    codes = CODE.findall(table)
    assert table.splitlines() == ['"code"', *(f'"{code}"' for code in codes)]
    assert [sheet.count(code) for code in codes] == [2] * 3, "as text, and as the title of its picture"
    assert f"https://faucet.example/signup#invite={codes[0]}" in sheet
    assert "A &lt;class&gt;" in sheet
    code, _, errors = await command("revoke-invitation", "--config", str(service.config), "7")
    assert (code, errors) == (1, "There is no such invitation.\n")


@pytest.mark.parametrize(
    ("invite", "status", "code"),
    [
        ("0" * 16, 422, "invalid_invitation"), ("x" * 10_000, 422, "invalid_invitation"),
        ("\0'--", 422, "invalid_invitation"), ("", 200, None), (7, 400, "bad_request"), ({"a": 1}, 400, "bad_request"),
    ],
)  # fmt: skip
async def test_what_is_no_invitation_is_refused(tmp_path: Path, invite: object, status: int, code: str | None) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        reply = await service.sign_up("invited-1", fields={"invite": invite})
        assert (reply.status, reply.body.get("error_code")) == (status, code)
