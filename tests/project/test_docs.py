"""What the documents claim of the code."""

import ast
import re

import pytest

from jobs.model.job import MOVES, State
from tests.harness.program import ROOT


def test_states_document_has_just_the_legal_moves() -> None:
    rows = re.findall(r"^\| (\w+) \| ([\w, ]+) \|", (ROOT / "docs" / "states.md").read_text(), re.MULTILINE)
    documented = {(before, after) for before, afters in rows[1:] for after in afters.split(", ")}
    legal = {(before.value, after.value) for before, afters in MOVES.items() for after in afters}
    assert documented == legal
    assert {before for before, _ in documented} | {State.DONE.value} == {state.value for state in State}


@pytest.mark.parametrize(("document", "least"), [("invariants.md", 12), ("reliability.md", 90)])
def test_every_claim_has_its_tests(document: str, least: int) -> None:
    """The last cell of each row names them, and they exist."""
    rows = re.findall(r"^\| (?!---).* \|$", (ROOT / "docs" / document).read_text(), re.MULTILINE)
    claims = [row.split(" | ")[-1] for row in rows if not row.endswith(("| test |", "| held by |"))]
    assert len(claims) >= least
    for claim in claims:
        named = re.findall(r"`(test_\w+)`", claim)
        assert named, claim
        assert set(named) <= _tests(), claim


def _tests() -> set[str]:
    """The names of all tests."""
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_column_of_the_ledger_is_described() -> None:
    schema = (ROOT / "faucet.db.sql").read_text()
    tables = re.findall(r"^CREATE TABLE (\w+) \((.*?)^\)", schema, re.MULTILINE | re.DOTALL)
    columns = [
        line for _, body in tables for line in body.splitlines() if re.match(r" {4}[a-z]\w* +(?:INTEGER|TEXT)", line)
    ]
    assert len(columns) > 40
    assert [line for line in columns if "  -- " not in line] == []
