"""The operators' password: its hashes, old and new, and the errors for malformed ones."""

import asyncio
import os
import pty
import sys
from pathlib import Path

import pytest
import yaml
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from jobs.settings import ConfigError, load
from jobs.settings.passwords import check_hash, hash_password, session_key, verify_password
from tests.harness.program import ROOT

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
#: What this version made of "secret" and, written with one character, "caf\u00e9"; fixed, as they are in tests' names.
GOOD = "$argon2id$v=19$m=8,t=1,p=1$I32i0sFdbcMfeI+CQ2y+5A$nMyjtBzL5+zbZDKYdkdZKrE+XLjkaONMSUWYVLPod4w"
CAFE = "$argon2id$v=19$m=8,t=1,p=1$rFY5J+zJ41Sn+XIcIoMhrg$zzHl6qMfGGEK4iqPnx5mpjqKxHJd4swMx5Wap2nJQWk"
#: What earlier versions printed for "secret" and, written with one character, "caf\u00e9".
OLD = "$scrypt$ln=4,r=8,p=1$81Lm1qoM0H7DFgS6Js49VA$bh1qtYytZYLcG7Xz8SXBdAdDXy9AFtLcAgATmIk8IJ8"
OLD_CAFE = "$scrypt$ln=4,r=8,p=1$2brNJXiAArmRRYPpZ8RZ+g$0xOtq+cXZJUD6RdaVAjUPzca+XR2peHyBcKhn2wpxxk"
#: From RFC 7914, section 12.
OF_THE_RFC = (
    "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU"
    "$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"
)


@pytest.mark.parametrize("hashed", [GOOD, OLD])
def test_only_the_password_matches_its_hash(hashed: str) -> None:
    check_hash(hashed)
    assert verify_password("secret", hashed)
    assert not verify_password("Secret", hashed)
    assert not verify_password("", hashed)


def test_scrypt_matches_its_standard() -> None:
    assert verify_password("pleaseletmein", OF_THE_RFC)


def test_new_hash_is_argon2id_on_one_core() -> None:
    hashed = hash_password("secret")
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    check_hash(hashed)
    assert verify_password("secret", hashed)


@given(st.text())
def test_any_text_can_be_a_password(password: str) -> None:
    hashed = hash_password(password, hasher=QUICK)
    check_hash(hashed)
    assert verify_password(password, hashed)
    assert not verify_password(f"{password}x", hashed)


def test_long_passwords_differ_in_their_last_character() -> None:
    password = "x" * 10_000
    assert not verify_password(f"{password}y", hash_password(f"{password}z", hasher=QUICK))


def test_hash_is_salted() -> None:
    assert hash_password("secret", hasher=QUICK) != GOOD


@pytest.mark.parametrize("hashed", [CAFE, OLD_CAFE])
def test_both_encodings_of_a_letter_match(hashed: str) -> None:
    """An \u00e9 is one character on one keyboard, and an e with an accent on another."""
    assert verify_password("caf\u0065\u0301", hashed)


@pytest.mark.parametrize(
    "hashed",
    [
        "",
        "secret",
        GOOD[:-40],
        GOOD[:-2],
        f"{GOOD[:-1]}/",
        GOOD.replace("argon2id", "argon2i"),
        GOOD.replace("argon2id", "scrypt"),
        GOOD.replace("v=19", "v=16"),
        GOOD.replace("m=8", "m=7"),
        GOOD.replace("m=8", "m=08"),
        GOOD.replace("m=8", "m=1048577"),
        GOOD.replace("t=1", "t=0"),
        GOOD.replace("p=1", "p=2"),
        f"{GOOD[:-1]}=",
        f"{GOOD}\n",
        OLD[:-40],
        OLD.replace("scrypt", "argon2id"),
        OLD.replace("ln=4", "ln=0"),
        OLD.replace("ln=4", "ln=60"),
        OLD.replace("r=8", "r=0"),
        OLD.replace("p=1", "p=0"),
        f"{OLD[:-1]}=",
        f"{OLD}\n",
        OF_THE_RFC.replace("$U29k", "$aaU29k"),
    ],
)
def test_malformed_hash_is_a_configuration_error(tmp_path: Path, hashed: str) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"port": 5000, "admin_password_hash": hashed}))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.yaml", {})
    assert caught.value.key == "admin_password_hash"
    assert len(hashed) < 20 or hashed[-20:] not in str(caught.value)


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_hash_that_passes_the_check_can_be_verified(place: int, character: str) -> None:
    """No login raises an error that the start could have reported."""
    hashed = GOOD[:place] + character + GOOD[place + 1 :]
    try:
        check_hash(hashed)
    except ValueError:
        return
    assert verify_password("secret", hashed) is (hashed == GOOD)


def test_session_key_changes_with_the_password_and_with_the_secret() -> None:
    keys = {
        session_key(*credentials)
        for credentials in (("a", GOOD), ("b", GOOD), ("a", OF_THE_RFC), (None, GOOD), (None, GOOD))
    }
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


async def test_command_prints_a_configuration_line(tmp_path: Path) -> None:
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


async def test_command_refuses_an_empty_password() -> None:
    code, output, _ = await hash_of("\n")
    assert (code, output) == (2, "")


async def test_command_asks_twice_on_a_terminal_and_shows_nothing() -> None:
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "faucet.py"), "hash-password",
        stdin=slave, stdout=asyncio.subprocess.PIPE, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    terminal_output = b""
    for answer in (b"correct horse battery\n", b"correct horse battery\n"):
        while not terminal_output.endswith(b": "):
            terminal_output += await asyncio.to_thread(os.read, master, 1000)
        os.write(master, answer)
        terminal_output += b"."
    output, _ = await process.communicate()
    os.close(master)
    assert process.returncode == 0
    assert output.startswith(b"admin_password_hash: ")
    assert b"horse" not in terminal_output
