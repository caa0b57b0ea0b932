"""The operators' pages of the real program: who gets in, and until when."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs.settings.passwords import hash_password
from tests.harness.operators import HASH, QUICK, Door, Operator
from tests.harness.program import HASTY, Faucet, command

WORKERS = 2
OTHER_HASH = hash_password("another", hasher=QUICK)
#: Without a chain: nothing here needs one.
ALONE = {**HASTY, "devchain_port": 0, "nobroadcast": True, "admin_password_hash": HASH}


def through_proxy(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}


@asynccontextmanager
async def workers(folder: Path, **settings: Any) -> AsyncIterator[Faucet]:
    """A faucet of two processes for HTTP, until the block ends."""
    service = Faucet(folder, {**ALONE, "workers": WORKERS, **settings})
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def test_admin_pages_are_for_their_networks_only(tmp_path: Path) -> None:
    async with workers(tmp_path, admin_networks=["192.0.2.0/24"]) as service:
        inside = Operator(Door(service), headers=through_proxy("198.51.100.1, 192.0.2.1"))
        outside = Operator(Door(service), headers=through_proxy("192.0.2.1, 198.51.100.1"))
        assert (await inside.log_in()).status == 303
        outside.cookies, outside.token = inside.cookies, inside.token
        for path in ("/admin", "/admin/jobs", "/admin/no/such"):
            assert (await outside.see(path)).status == 403
        assert (await outside.send("/admin/intake/pause", reason="x")).status == 403
        assert (await outside.log_in()).status == 403
        assert (await inside.see("/admin/jobs")).status == 200


@pytest.mark.parametrize(
    ("networks", "sentence"),
    [
        ("[10.0.0.0/8, office]", "must be an address or a network"),
        ("10.0.0.5/8", "must be an address such as 10.0.0.5 or a network such as 10.0.0.0/8"),
        ("[]", "is empty: give it a value, or leave the key out"),
    ],
)
async def test_bad_network_is_refused_by_its_line(tmp_path: Path, networks: str, sentence: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"port: 0\nadmin_networks: {networks}\n")
    code, output, errors = await command("serve", "--config", str(config))
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert errors.startswith(f"config.yaml:2: admin_networks: {sentence}")


async def test_login_limits_hold_across_processes_and_restarts(tmp_path: Path) -> None:
    async with workers(tmp_path) as service:
        guesser = Operator(Door(service), headers=through_proxy("192.0.2.1"))
        await guesser.see("/admin")
        replies = await asyncio.gather(*(guesser.send("/admin", name="ann", password="guess") for _ in range(40)))
        assert sorted(reply.status for reply in replies) == [403] * 5 + [429] * 35
    async with workers(tmp_path) as service:
        guesser = Operator(Door(service), headers=through_proxy("192.0.2.1"))
        replies = [await guesser.log_in() for _ in range(6)]
        assert {reply.status for reply in replies} == {429}, "not even the right password is looked at"
        assert all(0 < int(reply.headers["Retry-After"]) <= 60 for reply in replies)
        assert (await Operator(Door(service), headers=through_proxy("192.0.2.2")).log_in()).status == 303


async def seen(operator: Operator) -> set[int]:
    """What all processes answer: requests in such numbers come to each."""
    return {reply.status for reply in await asyncio.gather(*(operator.see("/admin/jobs") for _ in range(40)))}


async def test_log_out_in_one_process_is_seen_by_the_other(tmp_path: Path) -> None:
    async with workers(tmp_path) as service:
        operator = Operator(Door(service))
        await operator.log_in()
        thief = operator.twin()
        assert await seen(thief) == {200}
        assert (await operator.send("/admin/logout")).status == 303
        assert await seen(thief) == {303}
        assert (await thief.send("/admin/intake/pause", reason="x")).headers["Location"] == "/admin"
        assert (await service.fetch("/readyz")).body["checks"]["intake"]["ok"]


async def test_end_of_all_sessions_is_seen_by_every_process(tmp_path: Path) -> None:
    async with workers(tmp_path) as service:
        ann, bob = Operator(Door(service)), Operator(Door(service))
        await ann.log_in()
        await bob.log_in("bob")
        assert "bob" in (await ann.see("/admin/sessions")).body
        assert (await ann.send("/admin/sessions/end")).status == 303
        assert [await seen(operator) for operator in (ann, bob)] == [{303}, {303}]


async def test_command_ends_all_sessions(tmp_path: Path) -> None:
    """For somebody who can't log in."""
    async with workers(tmp_path) as service:
        operator, where = Operator(Door(service)), ("--config", str(service.config))
        await operator.log_in()
        code, output, _ = await command("end-sessions", *where, "--by", "eve", "--reason", "A stolen laptop.")
        assert (code, output) == (0, "all sessions are ended\n")
        assert await seen(operator) == {303}
        _, audit, _ = await command("audit", *where)
        assert ("eve" in audit, "A stolen laptop." in audit) == (True, True)


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"secret_key": "kept"}, 200),
        ({"secret_key": "changed"}, 303),
        ({}, 303),
        ({"secret_key": "kept", "admin_password_hash": OTHER_HASH}, 303),
    ],
)
async def test_restart_ends_sessions_of_another_secret_or_password(
    tmp_path: Path, settings: dict[str, Any], status: int
) -> None:
    """For good: where the old ones are restored, they don't come back."""
    async with workers(tmp_path, secret_key="kept") as service:
        operator = Operator(Door(service))
        await operator.log_in()
    for after in (settings, {"secret_key": "kept"}):
        async with workers(tmp_path, **after) as service:
            operator.served = Door(service)
            assert (await operator.see("/admin/jobs")).status == status
