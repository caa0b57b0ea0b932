"""The documents' claims about the code."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from jobs.model.job import MOVES, State
from tests.harness.documents import commands_of, free_port, make_clone, shell
from tests.harness.program import ROOT
from tests.project.test_architecture import SIGNUP_PATH, functions_of

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
#: The files and functions of the tour, in its order.
TOUR = re.findall(r"^\| .* \| `([\w/.]+)` \| `(\w+)` \|$", CONTRIBUTING, re.MULTILINE)


def test_states_document_has_just_the_legal_moves() -> None:
    rows = re.findall(r"^\| (\w+) \| ([\w, ]+) \|", (ROOT / "docs" / "states.md").read_text(), re.MULTILINE)
    documented = {(before, after) for before, afters in rows[1:] for after in afters.split(", ")}
    legal = {(before.value, after.value) for before, afters in MOVES.items() for after in afters}
    assert documented == legal
    assert {before for before, _ in documented} | {State.DONE.value} == {state.value for state in State}


@pytest.mark.parametrize(("document", "least"), [("invariants.md", 12), ("reliability.md", 90), ("machines.md", 25)])
def test_every_claim_has_its_tests(document: str, least: int) -> None:
    """The last cell of each row names existing tests."""
    rows = re.findall(r"^\| (?!---).* \|$", (ROOT / "docs" / document).read_text(), re.MULTILINE)
    claims = [row.split(" | ")[-1] for row in rows if not row.endswith(("| test |", "| held by |"))]
    assert len(claims) >= least
    for claim in claims:
        named = re.findall(r"`(test_\w+)`", claim)
        assert named, claim
        assert set(named) <= _tests(), claim


@cache
def _tests() -> set[str]:
    """The names of all tests."""
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("file", ["faucet.db.sql", "faucet.postgresql.sql"])
def test_every_column_of_the_ledger_is_described(file: str) -> None:
    schema = (ROOT / file).read_text()
    tables = re.findall(r"^CREATE TABLE (\w+) \((.*?)^\)", schema, re.MULTILINE | re.DOTALL)
    columns = [
        line
        for _, body in tables
        for line in body.splitlines()
        if re.match(r" {4}[a-z]\w* +(?:INTEGER|TEXT|BIGINT|BOOLEAN)", line)
    ]
    assert len(columns) > 40
    assert [line for line in columns if "  -- " not in line] == []


def test_tour_names_functions_that_exist() -> None:
    assert len(TOUR) > len(SIGNUP_PATH)
    assert not [(file, function) for file, function in TOUR if function not in functions_of(ROOT / file)]


def test_tour_follows_the_path_of_a_signup() -> None:
    assert [step for step in TOUR if step in SIGNUP_PATH.items()] == list(SIGNUP_PATH.items())


def test_paths_in_contributing_exist() -> None:
    paths = re.findall(r"`((?:\w+/)[\w/.]*|\w+\.(?:py|md|sql|toml))`", CONTRIBUTING)
    folders = {path for path in paths if (ROOT / "tests" / path).is_dir()}  # it lists the folders of tests/ without it
    examples = {"jobs/ledger/sqlite/migrations/N.sql"}
    assert len(paths) > 40
    assert not [path for path in {*paths} - folders - examples if not (ROOT / path).exists()]


async def test_commands_in_contributing_run(tmp_path: Path) -> None:
    make_clone(tmp_path, free_port())
    for command in commands_of(CONTRIBUTING):
        code, output = await shell(command, tmp_path)
        assert code == 0, (command, output)
