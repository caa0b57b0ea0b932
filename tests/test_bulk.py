"""Many signups from a table: each once, whatever stops on the way."""

import asyncio
import csv
import signal
from pathlib import Path

import pytest

from jobs.bulk import BulkError, read_rows
from tests.books import read_books
from tests.program import Program, dev_chain, faucet, keys_of
from tests.support import run
from tests.test_commands import command


def table(folder: Path, text: str) -> Path:
    file = folder / "people.csv"
    file.write_text(text)
    return file


def outcomes(file: Path) -> dict[str, list[str]]:
    with file.with_name(f"{file.name}.results.csv").open() as results:
        found: dict[str, list[str]] = {}
        for row in csv.DictReader(results):
            found.setdefault(row["name"], []).append(row["outcome"])
        return found


def test_every_row_has_its_outcome(tmp_path: Path) -> None:
    keys = keys_of("dora-1")
    text = (
        "name,password,owner_key,active_key,memo_key,email\n"
        "alice-1,secret,,,,alice@x.org\n"
        "Bob,secret,,,,\n"
        ",secret,,,,\n"
        f"dora-1,,{keys['owner_key']},{keys['active_key']},{keys['memo_key']},\n"
        "faucet,secret,,,,\n"
        "eve-1,,,,,\n"
    )

    async def scenario() -> None:
        async with dev_chain() as chain, faucet(tmp_path, chain.url, disable_premium_names=False) as service:
            where = ("--config", str(service.config), "--url", service.url)
            file = table(tmp_path, text)
            code, output, _ = await command("bulk", *where, str(file))
            assert code == 1
            assert outcomes(file) == {
                "alice-1": ["registered"], "Bob": ["invalid_name"], "line 4": ["bad_row"], "dora-1": ["registered"],
                "faucet": ["account_exists"], "eve-1": ["missing_field"],
            }  # fmt: skip
            assert {"2 registered", "1 invalid_name", "1 bad_row"} <= {line.strip() for line in output.splitlines()}
            found = await chain.node.accounts(["alice-1"])
            assert found[0] is not None
            assert found[0].owner_keys == (keys_of("alice-1")["owner_key"],)
            assert "secret" not in file.with_name("people.csv.results.csv").read_text()

    run(scenario())


def test_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    names = [f"row-{number}" for number in range(60)]

    async def scenario() -> None:
        async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
            file = table(tmp_path, "name;password\n" + "".join(f"{name};secret\n" for name in names))
            where = ("--config", str(service.config), "--url", service.url, "--concurrency", "4", str(file))
            first = await Program.start("bulk", *where, lines=0, log=tmp_path / "bulk.log")
            results = file.with_name("people.csv.results.csv")
            while not results.exists() or results.read_text().count("registered") < 10:
                await service.fetch("/healthz")
            assert await first.stop(signal.SIGINT) != 0
            done = len(outcomes(file))
            assert done < len(names)
            code, output, _ = await command("bulk", *where)
            assert (code, f"{done} registered before" in output) == (0, True)
            assert outcomes(file) == {name: ["registered"] for name in names}
            books = await read_books(chain.node)
            assert [books.registered[name] for name in names] == [1] * len(names)

    run(scenario())


def test_faucet_that_is_away_for_a_while_and_says_when_to_come_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
            file = table(tmp_path, "name,password\n" + "".join(f"row-{n},secret\n" for n in range(30)))
            port = service.url.rpartition(":")[2]
            where = ("--config", str(service.config), "--url", service.url)
            running = asyncio.create_task(command("bulk", *where, "--concurrency", "2", str(file)))
            results = file.with_name("people.csv.results.csv")
            while not results.exists() or results.read_text().count("registered") < 5:
                await service.fetch("/healthz")
            await service.stop()
            await service.start("--port", port)
            assert (await running)[0] == 0
            assert len(outcomes(file)) == 30

    run(scenario())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,pasword\n", "'pasword' is no column"),
        ("password\n", "no column 'name'"),
        ("name,owner_key\n", "or 'password'"),
        ("", "no column 'name'"),
    ],
)
def test_first_line_that_is_wrong_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BulkError, match=sentence):
        list(read_rows(table(tmp_path, text)))


def test_tables_of_spreadsheets(tmp_path: Path) -> None:
    rows = list(read_rows(table(tmp_path, "\ufeffname; password\r\nalice-1 ;a;\r\n\r\n")))
    assert [(row.line, row.name, row.fields["password"]) for row in rows] == [(2, "alice-1", "a")]


def test_mistake_in_the_file_ends_with_2(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("")
    code, _, errors = run(command("bulk", "--config", str(config), str(table(tmp_path, "name,pasword\n"))))
    assert (code, errors.count("\n")) == (2, 1)
