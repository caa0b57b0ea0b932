"""Bulk signups from a CSV file: each exactly once, whatever interrupts the run."""

import asyncio
import csv
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from commands.client.bulk import MAX_TRIES, Bulk
from commands.client.results import Outcome, Results
from commands.client.rows import Row
from commands.client.wallet import SignupFailedError
from commands.terminal import signup_progress
from jobs.model.job import State
from tests.harness.chain_totals import read_totals
from tests.harness.documents import free_port
from tests.harness.program import PREFIX, REGISTRAR_WIF, Program, command, dev_chain, faucet, keys_of
from tests.harness.serving import register, serving, turn
from tests.harness.support import csv_file


def outcomes(file: Path) -> dict[str, list[str]]:
    with file.with_name(f"{file.name}.results.csv").open() as results:
        by_name: dict[str, list[str]] = {}
        for row in csv.DictReader(results):
            by_name.setdefault(row["name"], []).append(row["outcome"])
        return by_name


async def test_every_row_has_its_outcome(tmp_path: Path) -> None:
    keys = keys_of("dora-1")
    text = (
        "name,password,owner_key,active_key,memo_key,email\n"
        "alice-1,secret,,,,alice@x.org\n"
        "Bob,secret,,,,\n"
        ",secret,,,,\n"
        f"dora-1,,{keys['owner_key']},{keys['active_key']},{keys['memo_key']},\n"
        "faucet,secret,,,,\n"
        "eve-1,,,,,\n"
        "fay-1,secret,with a comma,,,,\n"
        f"gus-1,secret,{keys['owner_key']},,,\n"
        f"hal-1,,{REGISTRAR_WIF},{keys['active_key']},{keys['memo_key']},\n"
        "test-faucet-1,secret,,,,\n"
    )

    premium = {"disable_premium_names": False, "max_account_fee": 10_000}
    async with dev_chain() as chain, faucet(tmp_path, chain.url, **premium) as service:
        where = ("--config", str(service.config), "--url", service.url)
        file = csv_file(tmp_path, text)
        code, output, errors = await command("bulk", *where, str(file))
        assert code == 1
        assert outcomes(file) == {
            "alice-1": ["registered"], "Bob": ["invalid_name"], "line 4": ["no_name"], "dora-1": ["registered"],
            "faucet": ["account_exists"], "eve-1": ["missing_field"], "line 8": ["too_many_cells"],
            "line 9": ["keys_twice"], "line 10": ["private_key_sent"], "test-faucet-1": ["dry_run"],
        }  # fmt: skip
        assert {"2 registered", "1 invalid_name", "1 no_name"} <= {line.strip() for line in output.splitlines()}
        assert {"Bob invalid_name", "line 4 no_name"} <= set(errors.splitlines())
        accounts = await chain.node.accounts(["alice-1"])
        assert accounts[0] is not None
        assert accounts[0].owner.keys == ((keys_of("alice-1")["owner_key"], 1),)
        texts = output + errors + file.with_name("people.csv.results.csv").read_text()
        assert not [word for word in ("secret", REGISTRAR_WIF, *keys.values()) if word in texts]


async def test_interrupted_run_resumes(tmp_path: Path) -> None:
    names = [f"row-{number}" for number in range(60)]

    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        file = csv_file(tmp_path, "name;password\n" + "".join(f"{name};secret\n" for name in names))
        where = ("--config", str(service.config), "--url", service.url, "--concurrency", "4", str(file))
        await chain.control("stall", True)
        first = await Program.start("bulk", *where, lines=0, log=tmp_path / "bulk.log")
        results = file.with_name("people.csv.results.csv")
        while not results.exists() or results.read_text().count("registered") < 10:
            await chain.control("produce", 1)
        assert await first.stop(signal.SIGINT) != 0
        await chain.control("stall", False)
        done = len(outcomes(file))
        assert done < len(names)
        code, output, _ = await command("bulk", *where)
        assert (code, f"{done} registered before" in output) == (0, True)
        assert outcomes(file) == {name: ["registered"] for name in names}
        totals = await read_totals(chain.node)
        assert [totals.registered[name] for name in names] == [1] * len(names)


async def test_run_survives_a_restart_of_the_faucet(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        file = csv_file(tmp_path, "name,password\n" + "".join(f"row-{n},secret\n" for n in range(30)))
        port = service.url.rpartition(":")[2]
        where = ("--config", str(service.config), "--url", service.url)
        running = asyncio.create_task(command("bulk", *where, "--concurrency", "2", str(file)))
        results = file.with_name("people.csv.results.csv")
        while not results.exists() or results.read_text().count("registered") < 5:
            await service.fetch("/healthz")
        await service.stop(signal.SIGKILL)
        await service.start("--port", port)
        code, _, errors = await running
        assert (code, "waiting: The faucet does not answer." in errors) == (0, True)
        assert outcomes(file) == {f"row-{n}": ["registered"] for n in range(30)}


@pytest.mark.parametrize(
    ("force", "visible", "hidden"),
    [("1", "1/2", "alice-1"), ("", "alice-1 registered 1.2.7\nwaiting: Later.\nbob-1 no_name\n", "1/2")],
)
def test_terminal_shows_a_bar_and_a_file_gets_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], force: str, visible: str, hidden: str
) -> None:
    monkeypatch.setenv("FORCE_COLOR", force)  # makes rich treat any output as a terminal
    with signup_progress(2) as progress:
        progress.report(Outcome("alice-1", "registered", "1.2.7"))
        progress.wait("Later.")
        progress.wait("Later.")
        if not force:
            progress.report(Outcome("bob-1", "no_name"))
    errors = capsys.readouterr().err
    assert visible in errors
    assert hidden not in errors
    assert errors.count("Later.") == 1


async def test_run_waits_for_a_paused_intake(tmp_path: Path) -> None:
    outcomes: list[Outcome] = []
    reasons: list[str] = []

    async with serving(tmp_path) as served:
        await served.ledger.operators.pause("intake", by="ann", reason="Upgrade.")

        async def sleep(seconds: float) -> None:
            assert seconds == 60
            await served.ledger.operators.resume("intake", by="ann", reason="")

        url = f"http://127.0.0.1:{served.port}"
        client = Bulk(url, PREFIX, concurrency=3, on_wait=reasons.append, sleep=sleep)
        row = Row(2, {"name": "alice-1", "password": "secret"})
        running = asyncio.create_task(client.run(iter([row]), outcomes.append))
        while (await served.ledger.queries.counts())[State.QUEUED] == 0:
            await turn()
        job = await served.job("alice-1")
        await register(served.ledger, job)
        assert await running == {"registered": 1}
        assert outcomes == [Outcome("alice-1", "registered", "1.2.1", job.id)]
        assert reasons == ["Signups are paused: Upgrade."]


async def test_rejected_job_is_an_outcome(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        client = Bulk(f"http://127.0.0.1:{served.port}", PREFIX, concurrency=1)
        rows = iter([Row(2, {"name": "alice-1", "password": "secret"})])
        running = asyncio.create_task(client.run(rows, lambda _: None))
        while (await served.ledger.queries.counts())[State.QUEUED] == 0:
            await turn()
        job = await served.job("alice-1")
        await served.ledger.operators.fail([job.id], by="ann", reason="No spam, please.")
        assert await running == {"rejected": 1}


Scripted = tuple[int, Mapping[str, str], bytes]  #: status, headers and body of a reply


@asynccontextmanager
async def proxy(replies: Sequence[Scripted]) -> AsyncIterator[str]:
    """The address of a server that sends `replies` one after the other."""
    left = iter(replies)

    class Handler(RequestHandler):
        def post(self) -> None:
            status, headers, body = next(left)
            self.set_status(status)
            for name, value in headers.items():
                self.set_header(name, value)
            self.finish(body)

    listener, port = bind_unused_port()
    server = HTTPServer(Application([(".*", Handler)], log_function=lambda _: None))
    server.add_socket(listener)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        await server.close_all_connections()


TRIED_OUT: Scripted = (200, {}, b'{"dry_run": true}')


def refusal(code: str) -> bytes:
    return msgspec.json.encode({"error": {"base": ["No."]}, "error_code": code})


@pytest.mark.parametrize(
    ("replies", "outcome", "waits"),
    [
        ([(502, {}, b"<html>"), (504, {}, b""), TRIED_OUT], "dry_run", [1.0, 2.0]),
        ([(503, {"Retry-After": "30"}, refusal("overloaded")), TRIED_OUT], "dry_run", [30.0]),
        ([(503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b""), TRIED_OUT], "dry_run", [1.0]),
        ([(429, {"Retry-After": "7"}, refusal("throttled"))] * 20 + [TRIED_OUT], "dry_run", [7.0] * 20),
        ([(200, {"Retry-After": "7"}, refusal("throttled")), TRIED_OUT], "dry_run", [7.0]),
        ([(422, {}, refusal("chain_refused"))], "chain_refused", []),
        ([(200, {}, refusal("account_exists"))], "account_exists", []),
        ([(500, {}, refusal("internal"))], "internal", []),
        ([(404, {}, b"<html>")], "status_404", []),
        ([(200, {}, b"[]")], "status_200", []),
    ],
)
async def test_only_replies_that_may_change_are_retried(
    replies: Sequence[Scripted], outcome: str, waits: list[float]
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async with proxy(replies) as url:
        client = Bulk(url, PREFIX, concurrency=1, sleep=sleep)
        counts = await client.run(iter([Row(2, {"name": "alice-1", "password": "secret"})]), lambda _: None)
        assert (counts, waited) == ({outcome: 1}, waits)


async def test_unreachable_faucet_ends_the_run() -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    client = Bulk(f"http://127.0.0.1:{free_port()}", PREFIX, concurrency=1, sleep=sleep)
    with pytest.raises(SignupFailedError, match="goes on where it was"):
        await client.run(iter([Row(2, {"name": "alice-1", "password": "secret"})]), lambda _: None)
    assert len(waited) == MAX_TRIES
    assert waited == sorted(waited)
    assert waited[-1] == 30


async def test_unwritable_results_end_the_run() -> None:
    def report(_: Outcome) -> None:
        raise OSError("no space left on device")

    client = Bulk("http://127.0.0.1:1", PREFIX, concurrency=2)
    with pytest.raises(OSError, match="no space left"):
        await client.run(iter([Row(2, {}), Row(3, {})]), report)


def test_results_hold_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    with Results(path, clock=lambda: 1_800_000_000).writer() as write:
        write(Outcome("=1", "@SUM(A1); -1"))
    first = path.read_text().splitlines()[1]
    assert first.startswith('''"'=1","'@SUM(A1); '-1","''')


def test_empty_results_file_gets_its_header(tmp_path: Path) -> None:
    """A run killed before its first flush leaves an empty file."""
    path = tmp_path / "results.csv"
    path.touch()
    results = Results(path, clock=lambda: 1_800_000_000)
    with results.writer() as write:
        write(Outcome("alice-1", "registered", "1.2.7", "ab"))
    assert results.registered() == {"alice-1"}
    assert path.read_text().splitlines()[1:] == ['"alice-1","registered","1.2.7","ab","2027-01-15T08:00:00Z"']


async def test_malformed_file_exits_with_2(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("")
    code, _, errors = await command("bulk", "--config", str(config), str(csv_file(tmp_path, "name,pasword\n")))
    assert (code, errors.count("\n")) == (2, 1)
