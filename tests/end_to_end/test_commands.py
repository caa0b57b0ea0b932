"""The command line beside a running server."""

import asyncio
import contextlib
import csv
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from tests.harness.program import Faucet, command, dev_chain, faucet, keys_of, on_chain
from tests.harness.serving import hold


@contextlib.asynccontextmanager
async def ledger_of(folder: Path) -> AsyncIterator[Ledger]:
    """The ledger of the faucet in `folder`, opened beside it."""
    ledger = await Ledger.open(folder / "faucet.db")
    try:
        yield ledger
    finally:
        await ledger.close()


async def test_check_notes_a_predecessors_file_without_old_clients(tmp_path: Path) -> None:
    service = Faucet(tmp_path, on_chain("ws://127.0.0.1:1", redis_ip="10.11.12.51"))
    _, output, _ = await command("check", "--config", str(service.config))
    assert len([line for line in output.splitlines() if "old_clients" in line]) == 1


async def test_start_notes_a_predecessors_file_without_old_clients(tmp_path: Path) -> None:
    async with faucet(tmp_path, "ws://127.0.0.1:1", redis_ip="10.11.12.51"):
        pass
    assert len([line for line in (tmp_path / "log").read_text().splitlines() if "old_clients" in line]) == 1


async def test_config_mistake_is_reported_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("port: 5000\nminIPAge: soon\n")
    code, output, errors = await command("serve", "--config", str(config))
    assert (code, output) == (2, "")
    assert errors.startswith("config.yaml:2: minIPAge: ")
    assert errors.count("\n") == 1


async def test_jobs_cancel_and_retry_work_beside_a_server(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url, nobroadcast=True) as service:
        where = ("--config", str(service.config))
        job_id = (await service.sign_up("held-1")).body["job"]["id"]
        code, output, _ = await command("jobs", *where, "--state", "queued", "--json")
        assert code == 0
        assert json.loads(output)["id"] == job_id
        assert (await command("cancel", *where, job_id))[0] == 0
        assert (await service.fetch(f"/api/v1/jobs/{job_id}")).body["job"]["code"] == "cancelled"
        code, _, errors = await command("cancel", *where, job_id)
        assert (code, job_id in errors) == (1, True)
        assert (await command("retry", *where, job_id))[0] == 0
        assert (await service.fetch(f"/api/v1/jobs/{job_id}")).body["job"]["state"] == "queued"
        assert "held-1" in (await command("jobs", *where, "--name", "held-1"))[1]


async def test_pause_and_resume_work_beside_a_server(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        where = ("--config", str(service.config), "--by", "ann")
        assert (await command("pause", *where, "intake", "--reason", "Upgrade until noon."))[0] == 0
        refused = await service.sign_up("late-1")
        assert (refused.status, refused.body["error_code"]) == (503, "paused")
        assert "Upgrade until noon." in refused.body["error"]["base"][0]
        assert int(refused.headers["Retry-After"]) > 0
        await command("pause", *where, "drain")
        await command("resume", *where, "intake")
        job_id = (await service.sign_up("late-1")).body["job"]["id"]
        assert (await service.fetch(f"/api/v1/jobs/{job_id}?wait=1")).body["job"]["state"] == "queued"
        assert (await command("resume", *where))[1].splitlines() == ["intake goes on", "drain goes on"]
        await service.job(job_id, until="done")
        code, output, _ = await command("audit", "--config", str(service.config))
        actions = [line.split("\u2502")[2:5] for line in output.splitlines() if "ann" in line]
        assert code == 0
        assert [[word.strip() for word in action] for action in reversed(actions)] == [
            ["ann", "pause", "intake"],
            ["ann", "pause", "drain"],
            ["ann", "resume", "intake"],
            ["ann", "resume", "intake"],
            ["ann", "resume", "drain"],
        ]


async def test_fail_shows_its_reason_in_the_job(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url, nobroadcast=True) as service:
        where = ("--config", str(service.config))
        job_id = (await service.sign_up("held-1")).body["job"]["id"]
        assert (await command("fail", *where, job_id))[0] == 2
        assert (await command("fail", *where, job_id, "--reason", "No spam, please."))[0] == 0
        job = (await service.fetch(f"/api/v1/jobs/{job_id}")).body["job"]
        assert (job["state"], job["code"], job["reason"]) == ("failed", "rejected", "No spam, please.")


async def test_held_payment_is_listed_and_released(tmp_path: Path) -> None:
    payment = {"enable_initial_balance": True, "initial_balance": 10}
    async with faucet(tmp_path, "ws://127.0.0.1:1", **payment) as service, ledger_of(tmp_path) as ledger:
        where = ("--config", str(service.config))
        for name in ("held-1", "other-1"):
            await service.sign_up(name)
        (job,) = await ledger.queries.jobs(name="held-1")
        (other,) = await ledger.queries.jobs(name="other-1")
        await hold(ledger, job)
        code, output, _ = await command("jobs", *where, "--held", "--json")
        assert (code, [json.loads(line)["id"] for line in output.splitlines()]) == (0, [job.id])
        assert (await command("jobs", *where, "--held", "--state", "done"))[0] == 2
        code, _, errors = await command("release", *where, job.id, other.id)
        assert (code, errors) == (1, f"No payment of job {other.id} is held.\n")
        code, output, _ = await command("release", *where, job.id, "--by", "ann", "--reason", "It is in no block.")
        assert (code, output) == (0, f"{job.id} is paid anew\n")
        assert (await service.fetch(f"/api/v1/jobs/{job.id}")).body["job"]["state"] == "registered"
        assert (await command("jobs", *where, "--held", "--json"))[1] == ""
        entry = (await ledger.operators.audit())[0]
        assert (entry.who, entry.what, entry.target, entry.why) == ("ann", "release", job.id, "It is in no block.")


async def test_waive_finishes_jobs_without_their_initial_balance(tmp_path: Path) -> None:
    async with dev_chain() as chain:
        options = {"enable_initial_balance": True, "initial_balance": 10}
        async with faucet(tmp_path, chain.url, **options) as service:
            await command("pause", "--config", str(service.config), "drain")
            job_id = (await service.sign_up("owed-1")).body["job"]["id"]
            code, _, errors = await command("waive", "--config", str(service.config))
            assert (code, "switch them off first" in errors) == (1, True)
        async with faucet(tmp_path, chain.url) as service:
            where = ("--config", str(service.config))
            await command("resume", *where, "drain")
            await service.job(job_id, until="registered")
            assert (await command("waive", *where))[:2] == (0, "initial balances waived: 1\n")
            job = await service.job(job_id, until="done")
            assert job["initial_balance"] is None


async def test_refollow_needs_no_restart_of_the_server(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        where = ("--config", str(service.config))
        await service.job((await service.sign_up("before-1")).body["job"]["id"], until="done")
        code, output, _ = await command("refollow", *where, "--by", "ann")
        assert (code, int(output.split()[0]) > 0) == (0, True)
        assert "without a restart" in output
        await service.job((await service.sign_up("after-1")).body["job"]["id"], until="done")
        assert "refollow" in (await command("audit", *where))[1]


async def test_jobs_shows_why_a_signup_was_put_off(tmp_path: Path) -> None:
    async with faucet(tmp_path, "ws://127.0.0.1:1") as service, ledger_of(tmp_path) as ledger:
        await service.sign_up("late-1")
        (job,) = await ledger.queries.jobs()
        await ledger.drain.defer({job.number: "Two nodes disagree."}, 60)
        assert "Two nodes disagree." in (await command("jobs", "--config", str(service.config)))[1]


async def test_export_prints_search_results_and_is_audited(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url, nobroadcast=True) as service:
        for name in ("held-1", "held-2", "other-1"):
            await service.sign_up(name)
        body = json.dumps({"account": {"name": "formula-1", **keys_of("formula-1"), "refcode": "a; =1+1"}})
        assert (await service.fetch("/api/v1/accounts", method="POST", body=body)).status == 200
        where = ("--config", str(service.config))
        code, output, _ = await command("export", *where, "--search", "held", "--by", "ann")
        assert code == 0
        assert [row["name"] for row in csv.DictReader(output.splitlines())] == ["held-1", "held-2"]
        assert (await command("export", *where, "--state", "failed"))[1].count("\n") == 1
        assert '"a; \'=1+1"' in (await command("export", *where, "--search", "formula"))[1]
        assert "ann" in (await command("audit", *where))[1]


async def test_init_creates_a_ledger_and_refuses_another_file(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("ledger: books/faucet.db\n")
    assert (await command("init", "--config", str(config)))[0] == 0
    ledger = tmp_path / "books" / "faucet.db"
    assert ledger.exists()
    ledger.write_bytes(b"no database" * 1000)
    code, _, errors = await command("init", "--config", str(config))
    assert code == 1
    assert errors.count("\n") == 1
    assert ledger.read_bytes().startswith(b"no database")


async def test_signup_of_a_taken_or_test_name_fails(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        where = ("--config", str(service.config), "--url", service.url)
        code, output, _ = await command("signup", *where, "carol-1", "--password", "secret")
        account = (await chain.node.accounts(["carol-1"]))[0]
        assert account is not None
        assert (code, output.strip()) == (0, account.id)
        assert account.owner.keys == ((keys_of("carol-1")["owner_key"], 1),)
        code, _, errors = await command("signup", *where, "carol-1", "--password", "other")
        assert (code, errors.splitlines()[-1]) == (1, "Account exists")
        code, output, errors = await command("signup", *where, "test-faucet-1", "--password", "secret")
        assert (code, output, "keeps nothing" in errors) == (1, "", True)


async def test_signup_reports_a_closed_connection_in_one_line(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    config = tmp_path / "config.yaml"
    config.write_text("")
    code, output, errors = await command("signup", "--config", str(config), "--url", url, "eve-1", "--password", "x")
    assert (code, output, errors.count("\n")) == (1, "", 1)
    server.close()


@pytest.mark.parametrize("arguments", [["nothing"], ["devchain", "--parameter", "nonsense=1"], ["retry"]])
async def test_bad_usage_exits_with_2(arguments: list[str]) -> None:
    assert (await command(*arguments))[0] == 2


async def test_port_in_use_is_reported_in_one_line_and_creates_no_file(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = Faucet(tmp_path, {})
        port = str(listener.getsockname()[1])
        code, output, errors = await command("serve", "--config", str(service.config), "--port", port)
        assert (code, output, errors.count("\n")) == (1, "", 1)
        assert "in use" in errors
        assert list(tmp_path.iterdir()) == [service.config]


async def test_dev_chain_file_of_another_registrar_is_refused(tmp_path: Path) -> None:
    service = Faucet(tmp_path, {"registrar": "first-1"})
    await service.start()
    await service.stop()
    service.config.write_text(json.dumps({"registrar": "second-1"}))
    code, _, errors = await command("serve", "--config", str(service.config), "--port", "0")
    assert (code, errors.count("\n")) == (1, 1)
