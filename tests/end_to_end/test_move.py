"""`faucet.py move`: a faucet that registers on SQLite goes on in PostgreSQL, and back."""

import asyncio
import json
import signal
from pathlib import Path

import psycopg

from tests.harness.postgresql import Server
from tests.harness.program import Faucet, Program, command, dev_chain, on_chain

CLIENT = {"X-Forwarded-For": "192.0.2.1"}


async def test_faucet_goes_on_where_its_ledger_was_moved(tmp_path: Path, postgresql: Server) -> None:
    file, url, back = tmp_path / "faucet.db", postgresql.url(postgresql.new_schema()), tmp_path / "back.db"
    async with dev_chain() as chain:
        settings = on_chain(chain.url, minIPAge=300)
        service = Faucet(tmp_path, settings)
        await service.start()
        first = (await service.sign_up("first-1", headers=CLIENT)).body["job"]
        done = await service.job(first["id"], until="done")
        code, _, errors = await command("move", "--config", str(service.config), "--to", url)
        assert code == 1
        assert errors.endswith("faucet.db is open in another process: stop the faucet, and close any shell\n")
        assert await service.stop() == 0

        code, output, errors = await command("move", "--config", str(service.config), "--to", url)
        assert code == 0, errors
        assert f"{file} was moved to postgresql://" in output
        code, _, errors = await command("init", "--config", str(service.config))
        assert (code, errors.startswith("this ledger was moved to postgresql://")) == (1, True)

        for ledger, name, last in ((url, "second-1", None), (str(back), "third-1", url)):
            service = Faucet(tmp_path, {**settings, "ledger": ledger})
            if last is not None:
                code, _, errors = await command("move", "--config", str(service.config), "--from", last, "--to", ledger)
                assert code == 0, errors
            await service.start()
            assert await service.job(first["id"], until="done") == done
            assert (await service.sign_up("other-1", headers=CLIENT)).status == 429, "its address is remembered"
            job = (await service.sign_up(name)).body["job"]
            assert (await service.job(job["id"], until="done"))["account_id"]
            assert await service.stop() == 0


async def test_interrupted_move_says_how_it_goes_on(tmp_path: Path, postgresql: Server) -> None:
    url = postgresql.url(postgresql.new_schema())
    here, there = tmp_path / "here.yaml", tmp_path / "there.yaml"
    for config, ledger in ((here, "faucet.db"), (there, url)):
        config.write_text(json.dumps({"ledger": ledger}))
        assert (await command("init", "--config", str(config)))[0] == 0
    with psycopg.connect(url) as holding, psycopg.connect(url, autocommit=True) as shell:
        holding.execute("SELECT 1 FROM ledger FOR UPDATE")
        moving = await Program.start("move", "--config", str(here), "--to", url, lines=0, log=tmp_path / "log")
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while not await asyncio.to_thread(lambda: shell.execute(waiting).fetchall()):
            """Asking is the waiting: no event tells of it."""
        assert await moving.stop(signal.SIGINT) == 130
    sentence = "interrupted: the ledger is where it was; run the same command again to go on\n"
    assert (tmp_path / "log").read_text().endswith(sentence)
    code, output, _ = await command("move", "--config", str(here), "--to", url)
    assert (code, "0 jobs" in output) == (0, True)


async def test_password_in_the_url_of_the_target_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("{}")
    arguments = ("--config", str(tmp_path / "config.yaml"), "--to", "postgresql://ann:secret@db1/faucet")
    code, output, errors = await command("move", *arguments)
    assert code == 2
    assert "--to must hold no password" in errors
    assert "secret" not in output + errors
