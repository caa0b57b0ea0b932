"""Personal data of signups, in the program itself."""

import csv
import json
from pathlib import Path

import pytest

from tests.harness.engines import Shell
from tests.harness.program import Faucet, command, faucet, keys_of

NOWHERE = "ws://127.0.0.1:1"  #: without a node signups are accepted and wait
DATA = {"email": "ann@personal.example", "real_name": "Ann Personal", "refcode": "personal-7"}
ERASED = "faucet_personal_erased_total"


async def sign_up(service: Faucet, name: str) -> str:
    """The id of the job of a signup with DATA."""
    body = json.dumps({"account": {"name": name, **keys_of(name), **DATA}})
    reply = await service.fetch("/api/v1/accounts", method="POST", body=body)
    assert reply.status == 200
    return str(reply.body["job"]["id"])


def stored(folder: Path) -> list[tuple[str | None, ...]]:
    shell = Shell(folder)
    try:
        return shell.rows("SELECT email, real_name, refcode FROM jobs ORDER BY number")
    finally:
        shell.close()


async def exported(service: Faucet) -> dict[str, str]:
    """The reference codes in an export, by name."""
    _, output, _ = await command("export", "--config", str(service.config))
    return {row["name"]: row["refcode"] for row in csv.DictReader(output.splitlines())}


async def erased(service: Faucet, *, until: int) -> None:
    """Return when the metrics say that the data of so many jobs were erased."""
    line = f"{ERASED} {until:.1f}"
    while line not in (await service.fetch("/metrics")).body.decode().splitlines():
        """Asking is the waiting: the page has no event."""


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_old_personal_data_are_erased_at_the_start(tmp_path: Path, workers: str) -> None:
    async with faucet(tmp_path, NOWHERE, minIPAge=0) as service:
        for number in range(3):
            await sign_up(service, f"ann-{number}")
    assert stored(tmp_path) == [tuple(DATA.values())] * 3
    service = Faucet(tmp_path, {**json.loads(service.config.read_text()), "personal_retention": 0})
    await service.start("--workers", workers)
    try:
        await erased(service, until=3)
        assert stored(tmp_path) == [(None, None, None)] * 3
    finally:
        await service.stop()
    assert "personal data erased" in (tmp_path / "log").read_text()


@pytest.mark.usefixtures("each_engine")
async def test_forget_erases_while_the_faucet_runs(tmp_path: Path) -> None:
    """Twice is as good as once; exports follow; the audit says by whom, and nothing of what was erased."""
    async with faucet(tmp_path, NOWHERE, minIPAge=0) as service:
        where = ("--config", str(service.config))
        job_id = await sign_up(service, "ann-1")
        await sign_up(service, "bob-1")
        assert await exported(service) == {"ann-1": DATA["refcode"], "bob-1": DATA["refcode"]}

        done = await command("forget", *where, "ann-1", "--by", "eve", "--reason", "asked to")

        assert done == (0, f"{job_id}: erased email, real_name, refcode\n", "")
        assert stored(tmp_path) == [(None, None, None), tuple(DATA.values())]
        assert await command("forget", *where, "ann-1") == (0, "no personal data of ann-1 are stored\n", "")
        assert await command("forget", *where, "nobody-1") == (1, "", "No job has this name.\n")
        assert await exported(service) == {"ann-1": "", "bob-1": DATA["refcode"]}
        audit = (await command("audit", *where))[1]
        assert audit.count("forget") == 1
        assert ("eve" in audit, "asked to" in audit, "personal" in audit) == (True, True, False)
        assert (await service.fetch(f"/api/v1/jobs/{job_id}")).body["job"]["state"] == "queued"


async def test_backup_leaves_personal_data_out_unless_told_otherwise(tmp_path: Path) -> None:
    """A copy that has them brings nothing back that is too old."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    async with faucet(first, NOWHERE) as service:
        where = ("--config", str(service.config))
        await sign_up(service, "ann-1")
        assert (await command("backup", *where, str(tmp_path / "plain.db")))[0] == 0
        assert (await command("backup", *where, "--personal", str(second / "faucet.db")))[0] == 0
    copy = (tmp_path / "plain.db").read_bytes()
    assert [text for text in DATA.values() if text.encode() in copy] == []
    assert b"ann-1" in copy
    assert stored(second) == [tuple(DATA.values())]
    async with faucet(second, NOWHERE, personal_retention=0) as service:
        await erased(service, until=1)
        assert stored(second) == [(None, None, None)]
