"""API keys on the real program: created by a command or at a page, counted by all processes, and revoked."""

import asyncio
import json
import re
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.harness.chain_totals import read_totals
from tests.harness.operators import HASH, Door, Operator
from tests.harness.program import Faucet, command, dev_chain, faucet, on_chain
from tests.harness.supervised import CROWD
from tests.harness.support import csv_file

KEY = re.compile(r"faucet_[A-Za-z0-9]{32}")
CAP = 3
#: Where a faucet is killed: before and after the commit that accepts, which is all that counts uses.
STEPS = ("before:signups._commit:1", "after:signups._commit:1")


async def created(service: Faucet, *options: str) -> dict[str, str]:
    """The headers of a client with a new key, which the command prints."""
    code, output, errors = await command("create-api-key", "Wallet", "--config", str(service.config), *options)
    assert (code, errors, KEY.fullmatch(output.strip()) is not None) == (0, "", True)
    return {"Authorization": f"Bearer {output.strip()}"}


async def listed(service: Faucet) -> list[dict[str, object]]:
    _, output, _ = await command("api-keys", "--config", str(service.config), "--json")
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.usefixtures("each_engine")
async def test_crowd_at_four_processes_gets_as_many_accounts_as_the_key_may(tmp_path: Path) -> None:
    async with dev_chain() as chain:
        service = Faucet(tmp_path, on_chain(chain.url))
        await service.start("--workers", "4")
        try:
            headers = await created(service, "--per-day", str(CAP))
            replies = await asyncio.gather(
                *(service.sign_up(f"crowd-{each}", headers=headers) for each in range(CROWD))
            )
            assert Counter(reply.status for reply in replies) == {200: CAP, 429: CROWD - CAP}
            assert all(int(reply.headers["Retry-After"]) > 86_000 for reply in replies if reply.status == 429)
            (key,) = await listed(service)
            code, output, _ = await command("revoke-api-key", "--config", str(service.config), str(key["number"]))
            assert (code, output) == (0, "the API key is revoked\n")
            refused = await service.sign_up("late-1", headers=headers)
            assert (refused.status, refused.body["error_code"]) == (401, "invalid_api_key")
        finally:
            await service.stop()
        assert headers["Authorization"].split()[1] not in (tmp_path / "log").read_text()


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("step", STEPS)
async def test_killed_faucet_neither_loses_a_use_of_a_key_nor_counts_it_twice(tmp_path: Path, step: str) -> None:
    async with dev_chain() as chain:
        service = Faucet(tmp_path, on_chain(chain.url))
        await command("init", "--config", str(service.config))
        headers = await created(service, "--per-day", "2")
        await service.start(script=("tests/harness/killed_faucet.py", step))
        posting = asyncio.gather(service.sign_up("name-1", headers=headers), return_exceptions=True)
        assert await service.ended() == -signal.SIGKILL
        await posting
        await service.start()
        try:
            replies = [await service.sign_up(f"name-{number}", headers=headers) for number in (1, 2, 3)]
            assert [reply.status for reply in replies] == [200, 200, 429]
            for reply in replies[:2]:
                await service.job(reply.body["job"]["id"], until="done")
        finally:
            await service.stop()
        assert dict((await read_totals(chain.node)).registered) == {"name-1": 1, "name-2": 1}


async def test_operator_creates_and_revokes_a_key_at_a_page(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url, admin_password_hash=HASH) as service:
        operator = Operator(Door(service))
        await operator.log_in()
        page = await operator.send("/admin/api-keys/create", name="<Wallet>", origins="https://a.example/ http://b:80")
        (key,) = KEY.findall(page.body)
        assert page.headers["Cache-Control"] == "no-store"
        (found,) = await listed(service)
        assert (found["per_minute"], found["origins"]) == (60, ["https://a.example", "http://b"])
        headers = {"Authorization": f"Bearer {key}", "Origin": "http://b"}
        assert (await service.sign_up("name-1", headers=headers)).status == 200
        own = f"/admin/api-keys/{found['number']}"
        seen = [(await operator.see(path)).body for path in ("/admin/api-keys", own, "/admin/audit")]
        assert ["&lt;Wallet&gt;" in text for text in seen] == [True] * 3
        assert ["name-1" in seen[1], key in "".join(seen)] == [True, False]
        assert "The API key is revoked." in await operator.do(f"{own}/revoke")
        assert (await service.sign_up("name-2", headers=headers)).status == 401
        told = [
            await operator.do("/admin/api-keys/create", **fields)
            for fields in ({"name": " "}, {"name": "a", "origins": "null"}, {"name": "a", "per_day": "0"})
        ]
        sentences = ("needs a name", "An origin is a scheme", "must be a number from 1 to")
        assert [sentence in page for sentence, page in zip(sentences, told, strict=True)] == [True] * 3
        assert (await operator.see("/admin/api-keys/999")).status == 404
        operator.token = "another"
        assert (await operator.send("/admin/api-keys/create", name="forged")).status == 403
        assert len(await listed(service)) == 1


async def test_commands_say_what_is_wrong(tmp_path: Path) -> None:
    service = Faucet(tmp_path, {})
    where = ("--config", str(service.config))
    wrong = await command("create-api-key", "Wallet", *where, "--origin", "https://a.example/path")
    sentence = "An origin is a scheme, a host and perhaps a port, such as https://wallet.example.\n"
    assert wrong == (1, "", sentence)
    assert await command("revoke-api-key", *where, "7") == (1, "", "There is no such API key.\n")
    await created(service, "--origin", "https://a.example")
    code, table, _ = await command("api-keys", *where)
    assert (code, "Wallet" in table, "https://a.example" in table, KEY.search(table)) == (0, True, True, None)


async def test_client_commands_send_a_key(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        key = (await created(service, "--per-minute", "2"))["Authorization"].split()[1]
        where = ("--config", str(service.config), "--url", service.url, "--api-key", key)
        code, account_id, _ = await command("signup", *where, "alice-1", "--password", "secret")
        assert (code, account_id.startswith("1.2.")) == (0, True)
        assert (await command("bulk", *where, str(csv_file(tmp_path, "name,password\nbob-1,secret\n"))))[0] == 0
        refused = await service.sign_up("carol-1", headers={"Authorization": f"Bearer {key}"})
        assert refused.status == 429
        code, _, errors = await command("signup", *where, "dora-1", "--api-key", "secret")
        assert (code, "that is no API key" in errors, "secret" in errors) == (2, True, False)
