"""Texts of operators, nodes and mail servers are text, whatever they look like."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest

from jobs.ledger import Ledger
from tests.harness.lying.lie import BROADCASTS, Ask, Lie, ObjectLie, Refusal, Request
from tests.harness.lying.relay import Relay
from tests.harness.mailserver import Mailbox, mail_server
from tests.harness.program import Faucet, command, dev_chain, faucet, on_chain, wait_ready
from tests.harness.serving import turn

HOSTILE = "[/x] [bold]b[/bold] \x1b[2J\x9b31m \u202e\u2066gpj <b>&"
SHOWN = "[/x] [bold]b[/bold]"
UNPRINTABLE = ("\x1b", "\x9b", "\u202e", "\u2066")
ADMINS = ["ann@x.org", "bob@x.org"]


def unprintable(texts: dict[str, str]) -> list[str]:
    """The names of those `texts` that would steer a terminal, or turn the direction of writing."""
    return [name for name, text in texts.items() if any(mark in text for mark in UNPRINTABLE)]


async def test_texts_of_operators_break_no_command_and_no_page(tmp_path: Path) -> None:
    async with faucet(tmp_path, "ws://127.0.0.1:1", log_format="json") as service:
        config = ("--config", str(service.config))
        job_id = (await service.sign_up("held-1")).body["job"]["id"]
        by = (*config, "--by", "[/ann]\x1b[2J", "--reason", HOSTILE + "x" * 5000)
        assert (await command("cancel", *by, job_id))[0] == 0
        assert (await command("pause", *by, "intake"))[0] == 0
        outputs = [await command(name, *config) for name in ("jobs", "audit", "check")]
        assert [code for code, _, _ in outputs] == [0, 0, 1]
        assert all(SHOWN in " ".join(output.split()) for _, output, _ in outputs[:2])
        pages = [await service.fetch(path) for path in ("/status", f"/jobs/{job_id}", "/readyz")]
        texts = [output + errors for _, output, errors in outputs] + [page.body.decode() for page in pages[:2]]
        assert not [text for text in texts if any(mark in text for mark in UNPRINTABLE)]
        assert "<b>&" not in texts[-1]
        assert len(pages[2].body["checks"]["intake"]["text"]) <= 1000
    assert (tmp_path / "log").read_text().isascii()


@dataclass(frozen=True)
class Refuses(Lie):
    """Refuses all calls, or all broadcasts, with a hostile text wherever an error holds one."""

    broadcasts: bool

    def concerns(self, request: Request, /) -> bool:
        return not self.broadcasts or request.method in BROADCASTS

    async def serve(self, _request: Request, _ask: Ask, /) -> Any:
        stack = [{"context": {"level": HOSTILE, "method": HOSTILE}, "format": HOSTILE, "data": {HOSTILE: HOSTILE}}]
        data = {"code": 10, "name": HOSTILE, "message": HOSTILE, "stack": stack}
        raise Refusal({"code": 1, "message": HOSTILE, "data": data})


@dataclass(frozen=True)
class Calls(ObjectLie):
    """Calls whatever has this member by a hostile text."""

    member: str  # type: ignore[misc]  # of the instance here

    def edit(self, found: dict[str, Any], /) -> None:
        found[self.member] = HOSTILE


LIES = (
    Refuses(broadcasts=True),
    Refuses(broadcasts=False),
    Calls("symbol"),
    Calls("name"),
    Calls("chain_id"),
    Calls("GRAPHENE_ADDRESS_PREFIX"),
    Calls("time"),
)


async def everything_shown(service: Faucet, job_id: str) -> dict[str, str]:
    """What pages, replies, metrics and commands show, by their names."""
    texts = {}
    for path in ("/", "/status", f"/jobs/{job_id}", "/readyz", "/metrics", f"/api/v1/jobs/{job_id}", "/api/v1/chain"):
        body = (await service.fetch(path)).body
        texts[path] = body.decode() if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False)
    for arguments in (("jobs",), ("jobs", "--json"), ("check",), ("export",)):
        _, output, errors = await command(*arguments, "--config", str(service.config))
        texts[" ".join(arguments)] = output + errors
    return texts


@pytest.mark.parametrize("lie", LIES, ids=repr)
async def test_texts_of_nodes_break_no_command_page_or_mail(tmp_path: Path, lie: Lie) -> None:
    box = Mailbox()
    async with dev_chain() as chain, Relay(chain.url) as relay, mail_server(box=box) as mails:
        told = {"admins": ADMINS, "mail_host": f"127.0.0.1:{mails.port}", "node_mail_seconds": 1}
        service = Faucet(tmp_path, on_chain(relay.url, own_nodes=[], log_format="json", core_asset="TEST", **told))
        await service.start()
        try:
            await wait_ready(service)
            relay.lie(lie)
            relay.disconnect()
            job_id = (await service.sign_up("alice-1")).body["job"]["id"]
            await relay.lied_with(type(lie), 3)
            if isinstance(lie, Refuses) or lie in (Calls("symbol"), Calls("chain_id")):
                await wait_ready(service, ready=False)
                await box.holds(1)
            texts = await everything_shown(service, job_id)
            texts["log"] = (tmp_path / "log").read_text()
        finally:
            await service.stop()
    for number, mail in enumerate(box.mails):
        texts[f"mail {number}"] = f"{mail['Subject']}{mail.get_payload(decode=True).decode()}"  # type: ignore[union-attr]  # it has one part
    assert unprintable(texts) == []
    assert not [name for name in ("/", "/status", f"/jobs/{job_id}") if "<b>&" in texts[name]]
    assert texts["log"].isascii()
    assert [json.loads(line)["logger"] for line in texts["log"].splitlines()]
    assert "Traceback" not in "".join(texts.values())
    assert "b[/bold]" not in texts["/metrics"]
    if lie == Refuses(broadcasts=True):
        assert SHOWN in texts["/readyz"]


@asynccontextmanager
async def rude_mail_server(refused: bytes) -> AsyncIterator[int]:
    """The port of a mail server that refuses each command that begins so, or the client, with a hostile text."""
    refusal = b"".join(b"550%b%b\r\n" % (mark, HOSTILE.encode()) for mark in (*100 * [b"-"], b" "))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(b"220 here\r\n" if refused else refusal)
            while line := await reader.readline():
                writer.write(
                    refusal
                    if line.upper().startswith((refused, b"HELO") if refused == b"EHLO" else refused)
                    else b"250 fine\r\n"
                )
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("refused", [b"", b"EHLO", b"MAIL", b"RCPT"], ids=bytes.decode)
async def test_texts_of_mail_servers_break_no_command_and_no_log(tmp_path: Path, refused: bytes) -> None:
    async with rude_mail_server(refused) as port:
        told = {"admins": ADMINS, "mail_host": f"127.0.0.1:{port}"}
        ledger = await Ledger.open(tmp_path / "faucet.db")
        await ledger.outbox.save_alerts([], ended=[], mails=[("first", "one")])
        await ledger.close()
        async with faucet(tmp_path, "ws://127.0.0.1:1", log_format="json", **told) as service:
            config = ("--config", str(service.config))
            code, output, errors = await command("testmail", *config)
            assert (code, errors.count("\n")) == (1, 1)
            texts = {"testmail": output + errors, "check": "".join((await command("check", *config))[1:])}
            while "mail not sent" not in (tmp_path / "log").read_text():
                await turn()
            texts |= {path: (await service.fetch(path)).body.decode() for path in ("/status", "/metrics")}
        with closing(connect(tmp_path / "faucet.db")) as rows:
            texts["problem"] = str(rows.execute("SELECT problem FROM mails").fetchone()[0])
    texts["log"] = (tmp_path / "log").read_text()
    assert unprintable(texts) == []
    assert max(len(texts[name]) for name in ("testmail", "problem")) < 3000
    assert texts["log"].isascii()
    assert SHOWN in texts["testmail"]
    assert SHOWN in texts["problem"]
