"""The structure of docs/decisions.md: imports run one way, SQL and nodes' texts are in one place."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.harness.program import ROOT

#: What each wing may import of the others.
BELOW = {
    "chain": set[str](),
    "devchain": {"chain"},
    "jobs": {"chain"},
    "handlers": {"jobs"},
    "commands": {"chain", "devchain", "jobs", "handlers"},
    "faucet": {"chain", "devchain", "jobs", "handlers", "commands"},
}
SOURCES = sorted(
    [ROOT / "faucet.py", *(path for wing in BELOW if wing != "faucet" for path in (ROOT / wing).rglob("*.py"))]
)
#: The lengths hold for tests and benchmarks too.
EVERYTHING = [*SOURCES, *(path for folder in ("tests", "bench") for path in sorted((ROOT / folder).rglob("*.py")))]
JOBS = [path for path in SOURCES if ROOT / "jobs" in path.parents]
MAX_ROOMS, MAX_FLOORS = 16, 6
MAX_MODULE, MAX_FUNCTION = 300, 40  #: lines
#: The path of a signup: each step is a function that a newcomer finds by its name.
SIGNUP_PATH = {
    "handlers/signup_router.py": "get_target_delegate",
    "handlers/api/signups.py": "finish",
    "jobs/signup.py": "parse_signup",
    "jobs/ledger/signups.py": "submit",
    "jobs/drain/batch.py": "pack_transactions",
    "chain/transactions.py": "sign",
    "jobs/ledger/drain.py": "record_signed",
    "chain/node.py": "broadcast",
    "jobs/blocks/tracker.py": "follow",
    "jobs/ledger/blocks.py": "finalize",
}
SQL = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "PRAGMA ")


def wing_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@cache
def imports(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def functions_of(path: Path) -> set[str]:
    """The names of the functions and methods that `path` defines."""
    defined = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in defined if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def room_of(path: Path) -> str:
    """The module or package of jobs/ that holds `path`."""
    return path.relative_to(ROOT / "jobs").parts[0].removesuffix(".py")


def rooms() -> dict[str, set[str]]:
    """The rooms of jobs/, each with those that it imports."""
    known: dict[str, set[str]] = {room_of(path): set() for path in JOBS if path.parent.name or path.stem != "__init__"}
    known.pop("__init__", None)
    for path in JOBS:
        names = {name.split(".")[1] for name in imports(path) if name.startswith("jobs.")}
        known.get(room_of(path), set()).update(names & known.keys() - {room_of(path)})
    return known


def modules(wing: str) -> dict[str, set[str]]:
    """The modules of a wing without subpackages, each with those of the wing that it imports."""
    known = {path.stem: path for path in (ROOT / wing).glob("*.py")}
    prefix = f"{wing}."
    imported = {
        stem: {name.removeprefix(prefix).split(".")[0] for name in imports(path) if name.startswith(prefix)}
        for stem, path in known.items()
    }
    return {stem: names & known.keys() - {stem} for stem, names in imported.items()}


def floors(below: dict[str, set[str]]) -> int:
    """How many modules stand on each other, each with those that it imports. Fails on a circle."""
    height = 0
    while below:
        ground = {module for module, imported in below.items() if not imported}
        assert ground, f"a circle among {sorted(below)}"
        below = {module: imported - ground for module, imported in below.items() if module not in ground}
        height += 1
    return height


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    others = {name.split(".")[0] for name in imports(path)} & BELOW.keys() - {wing_of(path)}
    assert others <= BELOW[wing_of(path)]


def test_jobs_has_few_rooms_without_a_circle() -> None:
    assert len(rooms()) <= MAX_ROOMS
    assert floors(rooms()) <= MAX_FLOORS


@pytest.mark.parametrize("wing", ["chain", "devchain"])
def test_modules_of_a_wing_import_in_no_circle(wing: str) -> None:
    """Imports under TYPE_CHECKING and inside functions count."""
    assert floors(modules(wing)) > 1


def test_floors_refuses_a_circle() -> None:
    with pytest.raises(AssertionError, match="a circle among"):
        floors({"ground": set(), "client": {"control"}, "control": {"server"}, "server": {"client", "ground"}})


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_are_short(path: Path) -> None:
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert len(path.read_text().splitlines()) < MAX_MODULE
    assert not [node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 >= MAX_FUNCTION]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sql_is_confined_to_the_ledger(path: Path) -> None:
    if "ledger" in path.relative_to(ROOT).parts:
        return
    assert not [text for text in texts(path) if text.lstrip().startswith(SQL)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_first_line_says_what_the_file_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_only_commands_know_the_dev_chain() -> None:
    """Only the wiring knows whether the node is the dev chain, so what works there works on a real node."""
    knowing = {path for path in SOURCES if any(name.startswith("devchain") for name in imports(path))}
    assert {wing_of(path) for path in knowing} == {"devchain", "commands"}


@pytest.mark.parametrize(("file", "function"), SIGNUP_PATH.items())
def test_path_of_a_signup_is_as_drawn(file: str, function: str) -> None:
    assert function in functions_of(ROOT / file)


@pytest.mark.parametrize(("engine", "drivers"), [("sqlite", "sqlite3 aiosqlite"), ("postgresql", "psycopg")])
def test_only_the_engine_knows_its_database(engine: str, drivers: str) -> None:
    """Another database can stand behind the ledger's parts."""
    knowing = {path.parent for path in SOURCES if imports(path) & set(drivers.split())}
    assert knowing == {ROOT / "jobs/ledger" / engine}


def test_psycopg_is_imported_for_its_engine_alone() -> None:
    """It is an extra: without it a ledger is a file."""
    command = "import sys, faucet; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_log_calls_name_their_values(path: Path) -> None:
    """An event is constant words and its values are fields, so that no value can pass for another one."""
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and ast.unparse(node.func.value) == "log"
        ):
            events = node.args[1:] if node.func.attr == "log" else node.args
            assert len(events) == 1, ast.unparse(node)
            assert "%" not in ast.unparse(events[0]), ast.unparse(node)
