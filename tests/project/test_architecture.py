"""The structure as docs/decisions.md has it: imports run one way, SQL and node texts stand in one place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.program import ROOT

#: What each layer may import of the others.
BELOW = {
    "chain": set[str](),
    "jobs": {"chain"},
    "handlers": {"jobs"},
    "faucet": {"chain", "jobs", "handlers"},
}
SOURCES = sorted(
    [ROOT / "faucet.py", *(path for layer in ("chain", "jobs", "handlers") for path in (ROOT / layer).rglob("*.py"))]
)
SQL = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "PRAGMA ")


def layer_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    others = {name.split(".")[0] for name in imports(path)} & BELOW.keys() - {layer_of(path)}
    assert others <= BELOW[layer_of(path)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sql_stands_in_the_ledger_only(path: Path) -> None:
    if "ledger" in path.parts:
        return
    assert not [text for text in texts(path) if text.lstrip().startswith(SQL)]


def test_the_dev_chain_is_not_known_to_the_faucet() -> None:
    """What passes on it passes on a real node: nothing but the wiring knows which one it is."""
    knowing = [path for path in SOURCES if any(name.startswith("devchain") for name in imports(path))]
    outside = {str(path.relative_to(ROOT)) for path in knowing if "devchain" not in path.parts}
    assert outside == {"faucet.py"}


def test_the_path_of_a_signup_reads_as_drawn() -> None:
    """Each step is a function that a newcomer finds by its word."""
    drawn = {
        "handlers/api/accounts.py": "post",
        "jobs/signup.py": "parse_signup",
        "jobs/ledger/intake.py": "accept",
        "jobs/drain/batch.py": "fill",
        "chain/transactions.py": "sign",
        "jobs/ledger/signing.py": "record_signed",
        "chain/node.py": "broadcast",
        "jobs/blocks/tracker.py": "follow",
        "jobs/ledger/following.py": "settle",
    }
    for file, function in drawn.items():
        defined = [
            node.name
            for node in ast.walk(ast.parse((ROOT / file).read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        assert function in defined, file
