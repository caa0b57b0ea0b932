"""The operators' password: what is kept of it, and what a mistake in it says."""

import asyncio
import os
import pty
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jobs.settings import ConfigError, load
from jobs.settings.passwords import Cost, check_hash, hash_password, session_key, verify_password
from tests.harness.program import ROOT

QUICK = Cost(log_n=4, r=8, p=1)
GOOD = hash_password("secret", cost=QUICK)
#: From RFC 7914, section 12.
OF_THE_RFC = (
    "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU"
    "$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"
)


def test_only_the_password_fits_its_hash() -> None:
    assert verify_password("secret", GOOD)
    assert not verify_password("Secret", GOOD)
    assert not verify_password("", GOOD)
    assert verify_password("pleaseletmein", OF_THE_RFC)


@given(st.text())
def test_any_text_can_be_a_password(password: str) -> None:
    hashed = hash_password(password, cost=QUICK)
    check_hash(hashed)
    assert verify_password(password, hashed)
    assert not verify_password(f"{password}x", hashed)


def test_same_password_has_another_hash_each_time() -> None:
    assert hash_password("secret", cost=QUICK) != GOOD


def test_letters_may_be_typed_in_either_way() -> None:
    """An é is one character on one keyboard, and an e with an accent on another."""
    assert verify_password("caf\u0065\u0301", hash_password("caf\u00e9", cost=QUICK))


@pytest.mark.parametrize(
    "hashed",
    [
        "",
        "secret",
        GOOD[:-40],
        GOOD.replace("scrypt", "argon2id"),
        GOOD.replace("ln=4", "ln=0"),
        GOOD.replace("ln=4", "ln=60"),
        GOOD.replace("r=8", "r=0"),
        GOOD.replace("p=1", "p=0"),
        f"{GOOD[:-1]}=",
        f"{GOOD}\n",
        OF_THE_RFC.replace("$U29k", "$aaU29k"),
    ],
)
def test_malformed_hash_is_a_mistake_in_the_configuration(tmp_path: Path, hashed: str) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"port": 5000, "admin_password_hash": hashed}))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.yaml", {})
    assert caught.value.key == "admin_password_hash"
    assert GOOD[20:-1] not in str(caught.value)


def test_session_key_changes_with_the_password_and_with_the_secret() -> None:
    keys = {session_key(*given) for given in (("a", GOOD), ("b", GOOD), ("a", OF_THE_RFC), (None, GOOD), (None, GOOD))}
    assert len(keys) == 5
    assert session_key("a", GOOD) == session_key("a", GOOD)


async def hash_of(typed: str, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of the command when its standard input is a pipe with `typed`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", str(ROOT / "faucet.py"), "hash-password", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate(typed.encode())
    return process.returncode or 0, output.decode(), errors.decode()


async def test_command_prints_a_line_that_the_configuration_takes(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    code, output, errors = await hash_of("correct horse battery\nnot this\n", "--config", str(config))
    assert (code, errors) == (0, "")
    config.write_text(output)
    hashed = load(config, {}).admin_password_hash
    assert hashed is not None
    assert verify_password("correct horse battery", hashed)


async def test_command_warns_of_a_short_password() -> None:
    code, output, errors = await hash_of("secret\n")
    assert (code, output.count("\n"), "longer" in errors) == (0, 1, True)


async def test_command_wants_a_password() -> None:
    code, output, _ = await hash_of("\n")
    assert (code, output) == (2, "")


async def test_command_asks_twice_on_a_terminal_and_shows_nothing() -> None:
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "faucet.py"), "hash-password",
        stdin=slave, stdout=asyncio.subprocess.PIPE, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    shown = b""
    for answer in (b"correct horse battery\n", b"correct horse battery\n"):
        while not shown.endswith(b": "):
            shown += await asyncio.to_thread(os.read, master, 1000)
        os.write(master, answer)
        shown += b"."
    output, _ = await process.communicate()
    os.close(master)
    assert process.returncode == 0
    assert output.startswith(b"admin_password_hash: ")
    assert b"horse" not in shown
