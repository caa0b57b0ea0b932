"""What holds for all tests, and what pytest says at the end: what was missing, so that some were skipped."""

import logging
import re
import signal
from collections import Counter
from collections.abc import Generator, Iterable, Iterator

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from devchain import Flavour
from tests.harness.engines import Databases, on_postgresql
from tests.harness.flavours import BOTH, PARAMETRIZED, flavoured
from tests.harness.postgresql import Server, serving

# A shell lets what it runs in the background ignore SIGINT, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Debug mode warns of every slow step, and a step is slow where the machine is busy.
logging.getLogger("asyncio").setLevel(logging.ERROR)

# For the same reason no example is too slow.
hypothesis_settings.register_profile("faucet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("faucet")

LOG_LINES = 40  #: of each log, that are shown with a failure

_REASON = re.compile(r"(?:Skipped: )?(.+ is not (?:installed|supported))")


@pytest.fixture(params=BOTH)
def both_flavours(request: pytest.FixtureRequest) -> Iterator[Flavour]:
    """Run on a dev chain of each flavour; the one of this run."""
    with flavoured(request.param):
        yield request.param


@pytest.fixture(params=PARAMETRIZED)
def every_flavour(request: pytest.FixtureRequest) -> Iterator[Flavour]:
    """The same in a long run; else on the first."""
    with flavoured(request.param):
        yield request.param


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """One server for all tests that need no more than one."""
    with serving() as server:
        yield server


@pytest.fixture
def databases(postgresql: Server) -> Iterator[Databases]:
    """Run with the ledgers in PostgreSQL; where they are."""
    with on_postgresql(postgresql) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def each_engine(request: pytest.FixtureRequest) -> str:
    """Run with the ledgers in files, and in PostgreSQL; which of them."""
    if request.param == "postgresql":
        request.getfixturevalue("databases")
    return str(request.param)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the faucets of its folder logged last."""
    report = yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and folder is not None:
        for log in sorted(folder.rglob("log")):
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
            report.sections.append((str(log.relative_to(folder)), "\n".join(lines)))
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    for reason, tests in sorted(_missing(skipped).items()):
        terminalreporter.write_line(f"Not tested, as {reason}: {tests} tests.", yellow=True)


def _missing(skipped: Iterable[pytest.TestReport]) -> Counter[str]:
    """How many tests were skipped for want of each program, or of what else the machine lacks."""
    reasons = (report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    return Counter(match[1] for reason in reasons if (match := _REASON.fullmatch(reason)))
