"""The README is true: its commands run, the files that it names exist."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest

from jobs.settings import load
from jobs.settings.table import table
from tests.harness.documents import commands_of, free_port, is_run_in_ci, make_clone, serving, shell
from tests.harness.program import REGISTRAR_WIF, ROOT, Program

README = (ROOT / "README.md").read_text()


def serves(command: str) -> bool:
    return "faucet.py serve" in command or "faucet.py devchain" in command


async def test_commands_in_the_readme_run(tmp_path: Path) -> None:
    async with serving(tmp_path) as (port, _):
        for command in commands_of(README):
            if serves(command):
                continue
            real = f"make -n {command[5:]}" if is_run_in_ci(command) else command
            code, output = await shell(real.replace("127.0.0.1:5000", f"127.0.0.1:{port}"), tmp_path)
            assert code == 0, (command, output)


@pytest.mark.parametrize("command", [command for command in commands_of(README) if serves(command)])
async def test_servers_in_the_readme_start(tmp_path: Path, command: str) -> None:
    make_clone(tmp_path, free_port())
    arguments = command.split("faucet.py ")[1].split()
    if arguments[0] == "serve":
        arguments += ["--config", str(tmp_path / "config.yaml")]
    program = await Program.start(*arguments)
    assert program.lines[0].startswith(("listening on http://", "dev chain on ws://"))
    assert await program.stop() == 0


async def test_signup_reply_matches_the_readme(tmp_path: Path) -> None:
    example = json.loads(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0])

    async with serving(tmp_path) as (port, _):
        curl = next(command for command in commands_of(README) if command.startswith("curl"))
        code, output = await shell(curl.replace("5000", str(port), 1), tmp_path)
        reply = json.loads(output)
        assert code == 0
        assert {key: set(value) for key, value in reply.items()} == {k: set(v) for k, v in example.items()}
        assert reply["account"]["name"] == example["account"]["name"]
        assert reply["job"]["state"] == example["job"]["state"]


async def test_ordinary_client_reads_and_pays_the_readmes_account(tmp_path: Path) -> None:
    """The peerplays package finds the account with the keys that were sent, and the registrar's transfer arrives."""

    async with serving(tmp_path) as (port, lines):
        curl = next(command for command in commands_of(README) if command.startswith("curl"))
        _, output = await shell(curl.replace("5000", str(port), 1), tmp_path)
        account = json.loads(output)["account"]
        url, chain_id = (line.rsplit(" ", 1)[1] for line in lines[1:])
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.harness.peerplays_pays", url, chain_id, REGISTRAR_WIF, account["name"],
            stdout=asyncio.subprocess.PIPE, cwd=ROOT, env={**os.environ, "HOME": str(tmp_path)},
        )  # fmt: skip
        client_view = json.loads((await client.communicate())[0].splitlines()[-1])
        assert client_view.pop("balances") == ["1.50000 TEST"]
        assert client_view == {field: account[field] for field in client_view}
        assert len(client_view) == 3


def test_configuration_table_matches_the_program() -> None:
    """`python -m jobs.settings.table` prints it."""
    assert (ROOT / "docs/configuration.md").read_text().endswith(f"| --- |\n{table()}\n")


def test_shipped_configuration_is_valid() -> None:
    assert load(ROOT / "config.yaml", {}).uses_devchain


def test_files_named_in_the_readme_exist() -> None:
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    named = links + re.findall(r"`((?:commands|handlers|jobs|chain|devchain|deploy|tests)/[\w/.]*)`", README)
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]
