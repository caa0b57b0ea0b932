"""The last lines of pytest's output."""

import os
import subprocess
import sys
from pathlib import Path

from tests.harness.program import ROOT

TESTS = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_with_promtool(number):
    pytest.skip("promtool is not installed")

@pytest.mark.skipif(True, reason="nginx is not installed")
def test_with_nginx():
    pass

@pytest.mark.skip(reason="building an image without root is not supported")
def test_with_root():
    pass

@pytest.mark.skip(reason="for another reason")
def test_skipped():
    pass

def test_without():
    pass
"""


def test_what_is_missing_is_named_in_the_last_lines(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", str(tmp_path)]
    ended = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout
    *_, root, nginx, promtool, _count = ended.stdout.splitlines()
    assert root == "Not tested, as building an image without root is not supported: 1 tests."
    assert nginx == "Not tested, as nginx is not installed: 1 tests."
    assert promtool == "Not tested, as promtool is not installed: 3 tests."
