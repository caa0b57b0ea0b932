"""PostgreSQL servers that must not hold a ledger: each is refused at the start, with its own sentence."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands.preflight import check_database
from jobs.errors import Code
from jobs.ledger import Ledger, LedgerError
from jobs.ledger.postgresql import fitness
from jobs.ledger.postgresql.database import unfitness
from jobs.ledger.postgresql.fitness import Server, look, problems
from jobs.ledger.postgresql.link import DatabaseLink
from jobs.settings import Settings
from tests.harness import postgresql
from tests.harness.engines import Databases
from tests.harness.ledgers import code_of
from tests.harness.postgresql import serving
from tests.harness.standby import following, wait_for_standbys

FIT = Server(
    version=15,
    encoding="UTF8",
    fsync="on",
    full_page_writes="on",
    synchronous_commit="on",
    synchronous_standby_names="",
    read_only=False,
    standbys=None,
    role="faucet",
    schema="public",
    may_create=True,
    made=True,
    denied=None,
    ahead=0.0,
)
OTHER = "unfit"  #: a role beside the tests' own, which may do everything


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": 14}, "PostgreSQL 14 is too old: the ledger needs 15 or later"),
        ({"encoding": "LATIN1"}, "the database's encoding is LATIN1: make it anew, with ENCODING 'UTF8'"),
        ({"fsync": "off"}, fitness.FSYNC_OFF),
        ({"full_page_writes": "off"}, fitness.PAGES_TORN),
        ({"synchronous_commit": "off"}, fitness.COMMIT_UNSAFE),
        ({"standbys": "db2"}, "a standby may take over (db2), but synchronous_standby_names is empty: it would lack"),
        ({"synchronous_standby_names": "db2", "synchronous_commit": "local"}, fitness.COMMIT_LOCAL),
        ({"ahead": 5.6}, "the server's clock is 6 s ahead of this machine's: set both by NTP"),
        ({"ahead": -60.0}, "the server's clock is 60 s behind this machine's: set both by NTP"),
        ({"read_only": True}, fitness.READ_ONLY),
        ({"schema": None, "may_create": None}, "the role faucet may use no schema of its search_path: GRANT USAGE"),
        ({"made": False, "may_create": False}, "the role faucet may make no tables in the schema public: GRANT CREATE"),
        ({"denied": "jobs, names"}, "GRANT SELECT, INSERT, UPDATE, DELETE ON jobs, names TO faucet"),
    ],
)
def test_what_could_lose_money_has_its_sentence(changes: dict[str, Any], sentence: str) -> None:
    (found,) = problems(replace(FIT, **changes))
    assert sentence in found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"made": False},
        {"may_create": False},
        {"ahead": -5.0},
        {"synchronous_commit": "local"},
        {"standbys": "db2", "synchronous_standby_names": "db2"},
        {"standbys": "db2", "synchronous_standby_names": "db2", "synchronous_commit": "remote_apply"},
    ],
)
def test_what_loses_nothing_is_taken(changes: dict[str, Any]) -> None:
    assert problems(replace(FIT, **changes)) == []


async def refusal(url: str) -> str:
    """Why the start refuses the database at `url`."""
    with pytest.raises(LedgerError) as refused:
        await Ledger.open(url)
    return str(refused.value)


async def test_unsafe_server_is_refused_and_left_unchanged() -> None:
    with serving("fsync=off", "full_page_writes=off", "synchronous_commit=off") as server:
        sentences = [fitness.FSYNC_OFF, fitness.PAGES_TORN, fitness.COMMIT_UNSAFE]
        assert await refusal(server.url()) == f"the ledger's database: {'; '.join(sentences)}"
        assert await lines_of_check(server.url()) == sentences
        with server.connect() as shell:
            assert shell.execute("SELECT to_regclass('ledger')").fetchall() == [(None,)]


async def test_server_that_becomes_unsafe_is_told_of_and_nothing_is_signed() -> None:
    with serving() as server:
        ledger = await Ledger.open(server.url())
        assert (await ledger.unfit(), await ledger.drain.record_signed([])) == (None, [])
        with server.connect() as shell:
            shell.execute("ALTER ROLE postgres SET synchronous_commit = off")
            shell.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'faucet'")
        assert fitness.COMMIT_UNSAFE in str(await ledger.unfit())
        for attempt in (ledger.drain.record_signed([]), ledger.drain.confirmed_live()):
            assert await code_of(attempt) is Code.LEDGER_UNAVAILABLE
        await ledger.close()


async def lines_of_check(url: str, **settings: Any) -> list[str]:
    """What `check` fails with of the ledger's database."""
    lines = await check_database(Settings(**{"ledger": url, **settings}))
    assert {(line.name, line.ok) for line in lines} <= {("ledger", False)}
    return [line.text for line in lines]


@pytest.fixture
def role(postgresql: postgresql.Server) -> Iterator[str]:
    """A role that has no rights but to connect."""
    with postgresql.connect() as shell:
        shell.execute(f"CREATE ROLE {OTHER} LOGIN")
        yield OTHER
        shell.execute(f"DROP OWNED BY {OTHER}")
        shell.execute(f"DROP ROLE {OTHER}")


def as_role(url: str, role: str) -> str:
    return url.replace(f"//{postgresql.USER}@", f"//{role}@")


@pytest.mark.parametrize("of", ["ROLE unfit", "ROLE unfit IN DATABASE postgres"])
async def test_asynchronous_commit_of_a_role_is_refused(
    databases: Databases, tmp_path: Path, role: str, of: str
) -> None:
    with databases.connect(tmp_path) as shell:
        shell.execute(f"ALTER {of} SET synchronous_commit = off")
        shell.execute(f"GRANT USAGE, CREATE ON SCHEMA {databases.schema_of(tmp_path)} TO {role}")
    url = as_role(databases.url_of(tmp_path), role)
    assert fitness.COMMIT_UNSAFE in await refusal(url)
    await (await Ledger.open(f"{url}%20-csynchronous_commit%3Don")).close()


async def test_role_that_lacks_rights_is_told_which(databases: Databases, tmp_path: Path, role: str) -> None:
    url, schema = as_role(databases.url_of(tmp_path), role), databases.schema_of(tmp_path)
    assert "may use no schema" in await refusal(url)
    with databases.connect(tmp_path) as shell:
        shell.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        assert f"GRANT CREATE ON SCHEMA {schema} TO {role}" in await refusal(url)
        await (await Ledger.open(databases.url_of(tmp_path))).close()
        shell.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}")
        shell.execute(f"REVOKE DELETE ON quotas FROM {role}")
        shell.execute(f"REVOKE INSERT ON jobs FROM {role}")
        assert "ON jobs, quotas TO unfit" in await refusal(url)
        shell.execute(f"GRANT INSERT, DELETE ON jobs, quotas TO {role}")
    ledger = await Ledger.open(url)
    await ledger.check_writable()
    await ledger.close()


async def test_database_of_another_encoding_is_refused(postgresql: postgresql.Server) -> None:
    with postgresql.connect() as shell:
        shell.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        assert "encoding is LATIN1" in await refusal(postgresql.url().replace("/postgres?", "/latin?"))
        shell.execute("DROP DATABASE latin")


@pytest.mark.parametrize(("shift", "told"), [(-3600, "3600 s ahead of"), (3600, "3600 s behind"), (3, None)])
def test_clock_of_the_server_is_compared(postgresql: postgresql.Server, shift: int, told: str | None) -> None:
    link = DatabaseLink(postgresql.url())
    found = problems(link.use(lambda session: look(session, [], lambda: time.time() + shift)))
    link.drop()
    assert [told in sentence for sentence in found if told is not None] == ([] if told is None else [True])
    assert len(found) == (told is not None)


async def test_standby_is_refused_unless_commits_wait_for_it() -> None:
    """Attached, or away with a slot kept for it: asynchronous, it would lack the last commits."""
    with serving() as primary:
        with following(primary) as standby:
            assert "a standby may take over (standby)" in await refusal(primary.url())
            for url in (standby.url(), f"{standby.url()}&target_session_attrs=any"):
                assert await refusal(url) == f"the ledger's database: {fitness.READ_ONLY}"
            dev_chain = {"witness_url": ("devchain",)}
            assert await lines_of_check(standby.url(), **dev_chain) == [f"the ledger's database: {fitness.READ_ONLY}"]
            wait_for_standbys(primary, "*")
            both = f"postgresql:///postgres?host={standby.folder},{primary.folder}&user=postgres"
            ledger = await Ledger.open(both)
            await ledger.check_writable()
            await ledger.close()
            wait_for_standbys(primary, "")
        assert "a standby may take over (standby)" in await refusal(primary.url())
        with primary.connect() as shell:
            shell.execute("SELECT pg_drop_replication_slot('standby')")
        assert unfitness(primary.url()) == []
