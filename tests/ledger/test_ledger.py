"""The ledger: acceptance, moves, the file itself."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger, LedgerError, database, intake
from jobs.ledger.book import NAME, SETTLE, STANDINGS, IllegalMoveError, check_move
from jobs.ledger.database import migrations, prepare
from jobs.ledger.expiry import DENY, EXPIRE, GIVEN_UP, UNPROVEN, UNRESERVE
from jobs.ledger.following import ADOPTED, FINISH, INCLUDE, REGISTERED
from jobs.ledger.intake import _SITUATION
from jobs.ledger.reports import HELD_COUNT, HELD_JOBS, OLDEST_WAITING
from jobs.ledger.search import _OF_TRANSACTION, page_query
from jobs.ledger.signing import LINK, QUEUED, RECORD, RECORD_OPERATIONS, TRANSACTION_SELECT
from jobs.ledger.spending import RELEASE_SHARES, RESERVED
from jobs.ledger.steering import _HELD, OWED, WAIVE
from jobs.model.job import Job, Limits, Signup, State
from jobs.model.transaction import BlockEffects, Fate, Kind, SignedTransaction, Transaction
from tests.harness.program import ROOT, keys_of

START = 1_700_000_000.0
KEYS = keys_of("any")
FREE = Limits(address=None, interval=300, queue=1000)
SCHEMA = (ROOT / "faucet.db.sql").read_text()
FIRST_SCHEMA = (ROOT / "tests/data/ledger-1.sql").read_text()  #: as it was at version 1


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(folder: Path, clock: Clock | None = None) -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(folder / "faucet.db", clock=clock or Clock())
    try:
        yield ledger
    finally:
        await ledger.close()


def signup(name: str, password: str = "any", **changes: Any) -> Signup:
    return Signup(name, **keys_of("any", password), **changes)


def from_address(address: str, interval: int = 300) -> Limits:
    return Limits(address=address, interval=interval, queue=1000)


async def code_of(attempt: Any) -> Code | None:
    """The code that `attempt` fails with."""
    try:
        await attempt
    except FaucetError as error:
        return error.code
    return None


def draft(kind: Kind, jobs: Sequence[Job], tag: str, *, expiration: int = 100, reference: int = 0) -> SignedTransaction:
    numbers = tuple(job.number for job in jobs)
    return SignedTransaction(kind, f"id-{tag}", f"sig-{tag}", "{}", reference, expiration, numbers, (5,) * len(numbers))


def block(number: int, *held: Transaction, accounts: tuple[tuple[str, str], ...] = ()) -> BlockEffects:
    results: dict[str, tuple[str | None, ...]] = {
        entry.signature: tuple(f"1.2.{100 + job}" for job in entry.jobs) for entry in held
    }
    return BlockEffects(number, f"{number:040}", results, accounts)


def raw(folder: Path, sql: str) -> list[Any]:
    """What another process sees in the file."""
    with closing(sqlite3.connect(folder / "faucet.db")) as connection:
        return connection.execute(sql).fetchall()


async def test_answer_comes_after_its_commit(tmp_path: Path) -> None:
    """Whoever is answered finds the job in the file, from a connection of its own."""

    async with opened(tmp_path) as ledger:

        async def accept(number: int) -> bool:
            job = await ledger.accept(signup(f"crowd-{number}"), FREE)
            return raw(tmp_path, f"SELECT count(*) FROM jobs WHERE id = '{job.id}'") == [(1,)]

        assert all(await asyncio.gather(*(accept(number) for number in range(300))))
        times = raw(tmp_path, "SELECT count(*) FROM jobs")
        assert times == [(300,)]


async def test_signups_that_come_together_share_a_commit(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        commits = 0
        insert = ledger._insert

        def count(*arguments: Any) -> Any:
            nonlocal commits
            commits += 1
            return insert(*arguments)

        ledger._insert = count  # type: ignore[method-assign, assignment]  # to count
        await asyncio.gather(*(ledger.accept(signup(f"crowd-{number}"), FREE) for number in range(400)))
        assert commits <= 3


async def test_one_group_sees_its_own_names_and_addresses(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        same = [ledger.accept(signup("same-1"), from_address("192.0.2.1")) for _ in range(3)]
        other = ledger.accept(signup("same-1", "other"), FREE)
        second = ledger.accept(signup("next-1"), from_address("192.0.2.1"))
        results = await asyncio.gather(*same, other, second, return_exceptions=True)
        assert len({job.id for job in results[:3] if isinstance(job, Job)}) == 1
        codes = [error.code for error in results[3:] if isinstance(error, FaucetError)]
        assert codes == [Code.ACCOUNT_EXISTS, Code.THROTTLED]


async def test_caller_who_goes_away_disturbs_nobody(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        gone = asyncio.create_task(ledger.accept(signup("gone-1"), FREE))
        staying = asyncio.create_task(ledger.accept(signup("stay-1"), FREE))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await staying).state is State.QUEUED
        assert len(await ledger.jobs()) == 2


async def test_two_processes_never_accept_one_name_twice(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as two:
        attempts = [
            code_of(ledger.accept(signup(f"name-{number}", password), FREE))
            for number in range(40)
            for ledger, password in ((one, "a"), (two, "b"))
        ]
        codes = await asyncio.gather(*attempts)
        assert codes.count(None) == 40
        assert codes.count(Code.ACCOUNT_EXISTS) == 40


async def test_interval_of_an_address_and_its_quota(tmp_path: Path) -> None:
    """The quota comes back when the signup fails, not when it is cancelled, and addresses are forgotten."""

    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        job = await ledger.accept(signup("one-1"), from_address("192.0.2.1"))
        clock.now += 299.5
        with pytest.raises(FaucetError) as caught:
            await ledger.accept(signup("one-2"), from_address("192.0.2.1"))
        assert (caught.value.code, caught.value.retry_after) == (Code.THROTTLED, 1)
        await ledger.fail({job.number: (Code.CHAIN_REFUSED, "no")})
        second = await ledger.accept(signup("one-2"), from_address("192.0.2.1"))
        await ledger.cancel([second.id], by="operator", reason="by hand")
        assert await code_of(ledger.accept(signup("one-3"), from_address("192.0.2.1"))) is Code.THROTTLED
        await ledger.forget_addresses(int((clock.now + 1) * 1000))
        assert raw(tmp_path, "SELECT count(*) FROM addresses") == [(0,)]


@pytest.mark.parametrize(("seconds", "free"), [(3600, True), (301, True), (300, False), (1, False)])
async def test_clock_that_is_set_back_holds_no_address_for_as_long(tmp_path: Path, seconds: float, free: bool) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        await ledger.accept(signup("one-1"), from_address("192.0.2.1"))
        clock.now -= seconds
        code = await code_of(ledger.accept(signup("one-2"), from_address("192.0.2.1")))
        assert code is (None if free else Code.THROTTLED)
        assert await code_of(ledger.accept(signup("one-3"), from_address("192.0.2.1"))) is Code.THROTTLED


async def test_repeat_is_the_same_job_whatever_stands_in_the_way(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.accept(signup("same-1"), from_address("192.0.2.1"))
        await ledger.pause("intake", by="operator", reason="maintenance")
        tight = Limits(address="192.0.2.1", interval=300, queue=1)
        assert (await ledger.accept(signup("same-1"), tight)).id == job.id
        assert await code_of(ledger.accept(signup("new-1"), FREE)) is Code.PAUSED
        await ledger.fail({job.number: (Code.CHAIN_REFUSED, "no")})
        await ledger.resume("intake", by="operator")
        assert (await ledger.accept(signup("same-1"), FREE)).id != job.id


async def test_crowd_that_the_ledger_can_not_keep_up_with_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who wait are accepted all the same, and whoever comes again later too."""
    monkeypatch.setattr(intake, "MAX_GATHERED", 3)

    async with opened(tmp_path) as ledger:
        names = [f"crowd-{number}" for number in range(5)]
        answers = await asyncio.gather(*(ledger.accept(signup(name), FREE) for name in names), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, FaucetError)]
        assert [(error.code, error.retry_after) for error in refused] == [(Code.OVERLOADED, 1)] * 2
        for name in names:
            await ledger.accept(signup(name), FREE)
        assert (await ledger.counts())[State.QUEUED] == 5


async def test_full_queue_says_when_there_is_room(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        full = Limits(address=None, interval=0, queue=1, retry_after=7)
        await ledger.accept(signup("one-1"), full)
        with pytest.raises(FaucetError) as caught:
            await ledger.accept(signup("one-2"), full)
        assert (caught.value.code, caught.value.retry_after) == (Code.OVERLOADED, 7)


async def test_unknown_referrer_needs_a_complete_cache(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        assert await code_of(ledger.accept(signup("one-1", referrer="bob"), FREE)) is None
        await ledger.save_chain_status(await _complete(ledger))
        assert await code_of(ledger.accept(signup("two-1", referrer="bob"), FREE)) is Code.UNKNOWN_REFERRER
        await ledger.put_names([("bob", "1.2.9")], cursor="bob")
        assert await code_of(ledger.accept(signup("two-1", referrer="bob"), FREE)) is None
        assert await code_of(ledger.accept(signup("bob", "x"), FREE)) is Code.ACCOUNT_EXISTS


async def _complete(ledger: Ledger) -> Any:
    return replace(await ledger.chain_status(), names_complete=True)


async def test_path_of_a_job_with_an_initial_balance(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        limits = Limits(address=None, interval=0, queue=9, initial_balance="2.5")
        job = await ledger.accept(signup("rich-1"), limits)
        seen = [job.state]

        async def look() -> None:
            seen.append((await ledger.jobs())[0].state)

        (registration,) = await ledger.record_signed([draft(Kind.REGISTRATION, [job], "r")])
        await look()
        await ledger.follow([block(1, registration)], 0)
        await look()
        (funding,) = await ledger.record_signed([draft(Kind.FUNDING, [job], "f")])
        await look()
        await ledger.follow([block(2, funding)], 0)
        await look()
        await ledger.settle([(registration, ["1.2.101"])])
        await look()
        await ledger.settle([(funding, [None])])
        await look()
        path = ["queued", "broadcast", "registered", "funding", "funded", "funded", "done"]
        assert seen == [State(state) for state in path]


async def test_refused_transaction_that_a_block_holds_all_the_same(tmp_path: Path) -> None:
    """What the chain says wins, even over a job that has failed meanwhile."""

    async with opened(tmp_path) as ledger:
        job = await ledger.accept(signup("odd-1"), FREE)
        (transaction,) = await ledger.record_signed([draft(Kind.REGISTRATION, [job], "r")])
        await ledger.refuse(transaction, rejected={job.number: (Code.CHAIN_REFUSED, "no")})
        assert (await ledger.jobs())[0].state is State.FAILED
        await ledger.follow([block(1, transaction)], 0)
        found = (await ledger.jobs())[0]
        assert (found.state, found.code, found.account_id) == (State.REGISTERED, None, "1.2.101")


async def test_ended_job_stays_ended_when_a_newer_one_has_its_name(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.accept(signup("odd-1"), FREE)
        (transaction,) = await ledger.record_signed([draft(Kind.REGISTRATION, [job], "r")])
        await ledger.refuse(transaction, rejected={job.number: (Code.CHAIN_REFUSED, "no")})
        await ledger.accept(signup("odd-1"), FREE)
        await ledger.follow([block(1, transaction)], 0)
        assert [job.state for job in await ledger.jobs()] == [State.QUEUED, State.FAILED]


async def test_same_bytes_signed_again_live_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.accept(signup("twice-1"), FREE)
        (first,) = await ledger.record_signed([draft(Kind.REGISTRATION, [job], "same")])
        await ledger.refuse(first, rejected={})
        (second,) = await ledger.record_signed([draft(Kind.REGISTRATION, [job], "same")])
        assert second.number == first.number
        assert [entry.fate for entry in await ledger.live()] == [Fate.LIVE]


async def test_innocent_jobs_have_no_try_counted_and_others_wait_longer(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        jobs = [await ledger.accept(signup(f"pair-{number}"), FREE) for number in range(2)]
        (transaction,) = await ledger.record_signed([draft(Kind.REGISTRATION, jobs, "1")])
        await ledger.refuse(transaction, rejected={jobs[0].number: (Code.INVALID_KEY, "no")})
        (waiting,) = await ledger.queued(10)
        assert (waiting.signup.name, waiting.attempts) == ("pair-1", 0)
        (transaction,) = await ledger.record_signed([draft(Kind.REGISTRATION, [waiting], "2")])
        await ledger.refuse(transaction, rejected={}, counted=True)
        assert await ledger.queued(10) == []
        clock.now += 1
        assert [job.attempts for job in await ledger.queued(10)] == [1]


async def test_transfer_is_never_taken_for_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        limits = Limits(address=None, interval=0, queue=9, initial_balance="1")
        job = await ledger.accept(signup("rich-1"), limits)
        (registration,) = await ledger.record_signed([draft(Kind.REGISTRATION, [job], "r")])
        await ledger.follow([block(1, registration)], 0)
        (funding,) = await ledger.record_signed([draft(Kind.FUNDING, [job], "f")])
        with pytest.raises(sqlite3.IntegrityError, match="transactions_funding_never_refused"):
            await ledger.refuse(funding, rejected={})
        assert (await ledger.jobs())[0].state is State.FUNDING
        assert await ledger.record_signed([draft(Kind.FUNDING, [job], "again")]) == []


def test_illegal_moves_are_refused() -> None:
    for before, after in ((State.DONE, State.QUEUED), (State.QUEUED, State.DONE), (State.BROADCAST, State.CANCELLED)):
        with pytest.raises(IllegalMoveError):
            check_move(before, after)


async def test_cancel_and_retry_do_all_or_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        jobs = [await ledger.accept(signup(f"job-{number}"), FREE) for number in range(2)]
        await ledger.record_signed([draft(Kind.REGISTRATION, jobs[1:], "r")])
        assert await code_of(ledger.cancel([job.id for job in jobs], by="operator", reason="x")) is Code.BAD_REQUEST
        assert (await ledger.job(jobs[0].id) or jobs[1]).state is State.QUEUED
        assert await code_of(ledger.cancel(["nothing"], by="operator", reason="x")) is Code.NOT_FOUND
        await ledger.cancel([jobs[0].id], by="operator", reason="by hand")
        await ledger.accept(signup("job-0", "other"), FREE)
        assert await code_of(ledger.retry([jobs[0].id], by="operator")) is Code.ACCOUNT_EXISTS


_steps = st.lists(
    st.sampled_from(["accept", "sign", "include", "fund", "orphan", "settle", "expire", "refuse"]), max_size=25
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_steps, st.randoms(use_true_random=False))
async def test_whatever_happens_the_books_agree(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], random: Any
) -> None:
    """After any sequence the counts are right, one live job a name, and no job is paid by two live transfers."""

    folder = tmp_path_factory.mktemp("walk")
    async with opened(folder) as ledger:
        walk = Walk(ledger, random)
        for step in steps:
            await getattr(walk, step)()
            check_books(folder)


class Walk:
    """Random steps of a ledger, each one that could happen."""

    def __init__(self, ledger: Ledger, random: Any) -> None:
        self.ledger = ledger
        self.random = random
        self.signed = 0
        self.head = 0
        self.irreversible = 0

    async def accept(self) -> None:
        limits = Limits(address=None, interval=0, queue=99, initial_balance=self.random.choice([None, "1"]))
        await self.ledger.accept(signup(f"name-{self.random.randrange(4)}"), limits)

    async def sign(self) -> None:
        await self._record(Kind.REGISTRATION, await self.ledger.queued(9))

    async def fund(self) -> None:
        await self._record(Kind.FUNDING, (await self.ledger.unfunded(9)).jobs)

    async def include(self) -> None:
        live = await self.ledger.live()
        held = [entry for entry in live if self.random.random() < 0.7]
        self.head += 1
        await self.ledger.follow([block(self.head, *held)], self.irreversible)

    async def orphan(self) -> None:
        if self.head > self.irreversible:
            await self.ledger.orphan(self.head)
            self.head -= 1

    async def settle(self) -> None:
        self.irreversible = self.head
        for entry in await self.ledger.unsettled(self.irreversible):
            await self.ledger.settle([(entry, [f"1.2.{100 + job}" for job in entry.jobs])])

    async def expire(self) -> None:
        await self.ledger.expire(await self.ledger.overdue(10**9))

    async def refuse(self) -> None:
        registrations = [entry for entry in await self.ledger.live() if entry.kind is Kind.REGISTRATION]
        for entry in registrations[:1]:
            rejected = {job: (Code.CHAIN_REFUSED, "no") for job in entry.jobs if self.random.random() < 0.3}
            await self.ledger.refuse(entry, rejected=rejected)

    async def _record(self, kind: Kind, jobs: Sequence[Job]) -> None:
        if jobs:
            self.signed += 1
            await self.ledger.record_signed([draft(kind, jobs, str(self.signed))])


def check_books(folder: Path) -> None:
    """What must hold at any time, in plain SQL."""
    counted = dict(raw(folder, "SELECT state, count(*) FROM jobs GROUP BY state"))
    kept = {state: jobs for state, jobs in raw(folder, "SELECT state, jobs FROM job_counts") if jobs}
    assert counted == kept
    live = raw(folder, "SELECT count(*) - count(DISTINCT name) FROM jobs WHERE state NOT IN ('failed', 'cancelled')")
    assert live == [(0,)]
    paid = raw(
        folder,
        "SELECT max(n) FROM (SELECT count(*) AS n FROM operations JOIN transactions ON transactions.number = txn "
        "WHERE kind = 'funding' AND fate <> 'expired' GROUP BY job)",
    )
    assert paid[0][0] in (None, 1)


async def test_waiting_for_an_operators_shell_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.ledger.database.BUSY_TIMEOUT", 0.01)
    async with opened(tmp_path) as ledger:
        with closing(sqlite3.connect(tmp_path / "faucet.db")) as shell:
            shell.execute("BEGIN IMMEDIATE")
            assert await code_of(ledger.accept(signup("held-1"), FREE)) is Code.LEDGER_UNAVAILABLE
            shell.rollback()
        assert await code_of(ledger.accept(signup("held-1"), FREE)) is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"plain text" * 500, "file is not a database"),
        ("CREATE TABLE other (x); PRAGMA user_version = 0", "not a ledger"),
        ("CREATE TABLE jobs (x); PRAGMA user_version = 99", "has version 99"),
    ],
)
async def test_file_that_is_no_ledger_is_refused_and_left(tmp_path: Path, content: bytes | str, sentence: str) -> None:
    path = tmp_path / "faucet.db"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(content)
    tables = path.read_bytes()[100:]
    with pytest.raises(LedgerError, match=sentence):
        await Ledger.open(path)
    assert path.read_bytes()[100:] == tables


async def damaged_ledger(folder: Path) -> Path:
    """A ledger with three pages that are nonsense."""
    async with opened(folder) as ledger:
        await asyncio.gather(*(ledger.accept(signup(f"job-{number}"), FREE) for number in range(200)))
    path = folder / "faucet.db"
    damaged = bytearray(path.read_bytes())
    damaged[8192:20480] = b"\xaa" * 12288
    path.write_bytes(damaged)
    return path


async def test_damaged_ledger_is_refused_and_left(tmp_path: Path) -> None:
    path = await damaged_ledger(tmp_path)
    damaged = path.read_bytes()
    with pytest.raises(LedgerError):
        await Ledger.open(path)
    assert path.read_bytes()[8192:20480] == damaged[8192:20480]


async def test_look_at_a_large_ledger_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would have found later holds up no start."""
    monkeypatch.setattr(database, "CHECK_TIMEOUT", 0)
    monkeypatch.setattr(database, "CHECK_STEPS", 1)
    path = await damaged_ledger(tmp_path)

    await (await Ledger.open(path)).close()


def test_older_ledger_is_migrated_step_by_step() -> None:
    scripts = ("ALTER TABLE jobs ADD COLUMN colour TEXT", "ALTER TABLE jobs ADD COLUMN shape TEXT")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection, SCHEMA, ())
        prepare(connection, SCHEMA, scripts)
        columns = {row[1] for row in connection.execute("PRAGMA table_info(jobs)")}
        assert {"colour", "shape"} <= columns
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)


def shape(connection: sqlite3.Connection) -> dict[str, tuple[Any, ...]]:
    """What a ledger is made of: the columns of each table, and the text of everything else."""
    found = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").fetchall()
    return {
        name: tuple(connection.execute(f"PRAGMA table_xinfo({name})").fetchall()) if kind == "table" else (sql,)
        for kind, name, sql in found
    }


def test_migrated_ledger_equals_a_new_one() -> None:
    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as old,
        closing(sqlite3.connect(":memory:", isolation_level=None)) as new,
    ):
        prepare(old, FIRST_SCHEMA, ())
        prepare(old, SCHEMA, migrations())
        prepare(new, SCHEMA, migrations())
        assert shape(old) == shape(new)
        assert old.execute("PRAGMA user_version").fetchone() == new.execute("PRAGMA user_version").fetchone()


def test_migration_counts_what_happened_before() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection, FIRST_SCHEMA, ())
        job = "'n', '', '', '', 0, 0"
        connection.executescript(f"""
            INSERT INTO jobs (id, name, owner_key, active_key, memo_key, created_at, updated_at, state, code)
            VALUES ('a', {job.replace("0, 0", "60000, 61000")}, 'queued', NULL),
                   ('b', {job.replace("'n'", "'m'").replace("0, 0", "61000, 125000")}, 'failed', 'account_exists');
            UPDATE jobs SET registered_at = 86400000 WHERE id = 'a';
        """)
        prepare(connection, SCHEMA, migrations())
        assert connection.execute("SELECT * FROM activity").fetchall() == [
            ("day", 0, 2, 0, 1),
            ("day", 86_400_000, 0, 1, 0),
            ("minute", 60_000, 2, 0, 0),
            ("minute", 120_000, 0, 0, 1),
            ("minute", 86_400_000, 0, 1, 0),
        ]


def test_migration_that_fails_leaves_the_ledger_as_it_was() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection, SCHEMA, ())
        with pytest.raises(sqlite3.OperationalError):
            prepare(connection, SCHEMA, ("ALTER TABLE jobs ADD COLUMN colour TEXT; SELECT nothing FROM nowhere",))
        connection.rollback()
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert "colour" not in {row[1] for row in connection.execute("PRAGMA table_info(jobs)")}


async def test_views_of_the_operators(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.accept(signup("seen-1"), from_address("192.0.2.1"))
        assert raw(tmp_path, "SELECT id, name, attempts FROM queue") == [(job.id, "seen-1", 0)]
        with closing(sqlite3.connect(tmp_path / "faucet.db")) as connection:
            cursor = connection.execute("SELECT * FROM job_report")
            (row,) = cursor.fetchall()
        assert not [value for value in row if value in KEYS.values()]
        assert row[-1] == "2023-11-14 22:13:20"
        raw(tmp_path, "SELECT * FROM today")


async def test_commits_reach_the_disk(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        found = [await ledger._database.write(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")]
        assert [rows[0][0] for rows in found] == ["wal", 2]


#: What ANALYZE writes of a ledger with ten million jobs.
COUNTED = (
    ("transactions", "transactions_irreversible", "200000 1"),
    ("transactions", "transactions_by_id", "200000 1"),
    ("transactions", "transactions_by_signature", "200000 1"),
    ("operations", "operations_by_job", "9999951 1"),
    ("operations", "operations", "9999951 50 1"),
    ("names", "names", "10000000 1"),
    ("activity", "activity", "43232 21616 1"),
    ("jobs", "jobs_failed", "399996 1"),
    ("jobs", "jobs_by_account", "9499936 1"),
    ("jobs", "jobs_by_move", "10000000 1"),
    ("jobs", "jobs_by_registration_time", "9499936 1"),
    ("jobs", "jobs_by_time", "10000000 1"),
    ("jobs", "jobs_by_state", "10000000 2500000 1"),
    ("jobs", "jobs_by_name", "10000000 1 1"),
    ("jobs", "jobs_one_live_a_name", "9499956 1"),
    ("jobs", "jobs_by_id", "10000000 1"),
)


@pytest.mark.parametrize(
    "query",
    [
        _SITUATION,
        "SELECT * FROM jobs WHERE state = 'queued' AND retry_at <= ? ORDER BY number LIMIT 10",
        "SELECT * FROM jobs WHERE id = ?",
        "SELECT * FROM jobs WHERE name = ? ORDER BY number DESC LIMIT 10",
        "SELECT * FROM jobs WHERE state = ? ORDER BY number DESC LIMIT 10",
        page_query("TRUE", by_name=False, down=True),
        page_query("TRUE", by_name=True, down=False),
        page_query("state = ?", by_name=False, down=True),
        page_query("account_id = ?", by_name=False, down=True),
        page_query(_OF_TRANSACTION, by_name=False, down=True),
        "SELECT start FROM activity WHERE span = ? AND start >= ? ORDER BY start",
        "SELECT created_at FROM jobs WHERE registered_at IS NOT NULL ORDER BY registered_at DESC LIMIT ?",
        "SELECT code, count(*) FROM jobs WHERE updated_at >= ? AND state = 'failed' GROUP BY code",
        "SELECT * FROM audit WHERE target = ? AND number < ? ORDER BY number DESC LIMIT 10",
        f"{TRANSACTION_SELECT} WHERE fate = 'live' ORDER BY number",
        f"{TRANSACTION_SELECT} WHERE fate = 'included' AND block_num <= ?",
        f"{TRANSACTION_SELECT} WHERE signature IN (SELECT value FROM json_each(?))",
        *(
            STANDINGS,
            SETTLE,
            QUEUED,
            RECORD,
            RECORD_OPERATIONS,
            *LINK.values(),
            NAME,
            INCLUDE,
            FINISH,
            REGISTERED,
            ADOPTED,
            OLDEST_WAITING,
            HELD_JOBS,
            HELD_COUNT,
        ),
        RELEASE_SHARES,
        EXPIRE,
        _HELD,
        OWED,
        WAIVE,
        f"{TRANSACTION_SELECT} WHERE fate = 'live' AND held IS NOT NULL",
        RESERVED,
        DENY,
        UNRESERVE,
        GIVEN_UP,
        UNPROVEN,
        "DELETE FROM names WHERE block_num >= ?",
        "DELETE FROM addresses WHERE job = ?",
    ],
)
@pytest.mark.parametrize("analysed", [False, True])
def test_no_query_reads_a_whole_table(query: str, *, analysed: bool) -> None:
    """Ten million jobs must cost what ten do, also where somebody had SQLite count them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        if analysed:
            connection.executescript("ANALYZE")
            connection.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", COUNTED)
            connection.executescript("ANALYZE sqlite_schema")
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query}", ["[]"] * query.count("?")).fetchall()
    scans = [step for *_, step in plan if step.startswith("SCAN") and "INDEX" not in step]
    of_memory = ("request", "json_each", "subquery", "CONSTANT ROW", "known", "last", "superseded")
    assert [step for step in scans if not any(name in step for name in of_memory)] == []
