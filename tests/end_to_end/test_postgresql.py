"""Commands on a ledger in PostgreSQL."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.engines import Databases
from tests.harness.program import REGISTRAR_WIF, command


def config(folder: Path, ledger: str, **settings: Any) -> Path:
    file = folder / "config.yaml"
    file.write_text(json.dumps({"ledger": ledger, **settings}))
    return file


async def test_init_makes_the_tables(databases: Databases, tmp_path: Path) -> None:
    file = config(tmp_path, databases.url_of(tmp_path))
    for _ in range(2):
        assert await command("init", "--config", str(file)) == (0, "the database is ready\n", "")
    with databases.connect(tmp_path) as shell:
        assert shell.execute("SELECT count(*) FROM jobs").fetchall() == [(0,)]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


async def test_backup_points_to_pg_dump(databases: Databases, tmp_path: Path) -> None:
    file = config(tmp_path, databases.url_of(tmp_path))
    code, _, errors = await command("backup", "--config", str(file), str(tmp_path / "copy.db"))
    assert (code, errors) == (1, "the ledger is in PostgreSQL, whose own pg_dump copies it\n")


@pytest.mark.parametrize("name", ["init", "jobs"])
async def test_missing_server_is_reported_in_one_line(tmp_path: Path, name: str) -> None:
    file = config(tmp_path, f"postgresql://faucet@/faucet?host={tmp_path}")
    code, _, errors = await command(name, "--config", str(file))
    assert (code, errors.count("\n")) == (1, 1)
    assert "connection to server on socket" in errors


async def test_check_reads_a_ledger_that_is_not_made_yet(databases: Databases, tmp_path: Path) -> None:
    node = {"witness_url": "ws://127.0.0.1:1", "registrar": "faucet", "wif": REGISTRAR_WIF}
    file = config(tmp_path, databases.url_of(tmp_path), **node)
    _, output, _ = await command("check", "--config", str(file))
    assert "there is none in the database, and it is made when the faucet starts" in output
