"""Runs the commands that documents show, in a clone of the project."""

import asyncio
import os
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.harness.program import ROOT, Program

#: Stubs for programs that a bare machine lacks, as far as the README uses them.
STAND_INS = {
    "sqlite3": """
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*row, sep="|")
""",
    "curl": """
import sys, urllib.request
url, _, header, _, body = sys.argv[1:]
request = urllib.request.Request(url, body.encode(), dict([header.split(": ", 1)]))
print(urllib.request.urlopen(request).read().decode())
""",
}


def commands_of(document: str) -> list[str]:
    """The commands of the shell blocks of `document`, without their comments."""
    blocks = re.findall(r"```sh\n(.*?)```", document, re.DOTALL)
    text = "\n".join(re.sub(r"\s+# .*", "", block) for block in blocks)
    return re.findall(r"(?:[^\n']|'[^']*')+", text)


def sql_of(document: str, word: str) -> list[str]:
    """The SQL blocks of `document` that have `word`."""
    return [block for block in re.findall(r"```sql\n(.*?)```", document, re.DOTALL) if word in block]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def make_clone(folder: Path, port: int) -> None:
    """A clone of the project as a newcomer has it, but for the ports."""
    for entry in ROOT.iterdir():
        if entry.name not in ("config.yaml", ".venv", ".git", "faucet.db", "devchain.journal"):
            (folder / entry.name).symlink_to(entry)
    (folder / ".venv").symlink_to(sys.prefix)
    config = (ROOT / "config.yaml").read_text()
    config = config.replace("port: 5000", f"port: {port}").replace("devchain_port: 8090", "devchain_port: 0")
    (folder / "config.yaml").write_text(config)
    (folder / "bin").mkdir()
    for name, source in STAND_INS.items():
        if shutil.which(name) is None:
            (folder / "bin" / name).write_text(f"#!{sys.executable}{source}")
            (folder / "bin" / name).chmod(0o755)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[int, list[str]]]:
    """Serve as `make run` does, in `folder`; yields the port and the lines printed."""
    port = free_port()
    make_clone(folder, port)
    program = await Program.start("serve", "--config", str(folder / "config.yaml"), lines=3)
    try:
        yield port, program.lines
    finally:
        await program.stop()


async def shell(command: str, folder: Path) -> tuple[int, str]:
    """Exit code and output of a command."""
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_shell(
        command, cwd=folder, env={**os.environ, "PATH": path}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


def is_run_in_ci(command: str) -> bool:
    return command.startswith("make ")
