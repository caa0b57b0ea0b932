"""Names of nodes and mail servers with dead addresses, and name servers that do not answer."""

import json
from pathlib import Path

import pytest

from tests.harness.dead_addresses import DEAD, Dead, Place, dropping, mute, refusing
from tests.harness.fault_scenario import Scenario, fault_scenario
from tests.harness.mailserver import mail_server
from tests.harness.names import Names
from tests.harness.program import Faucet, command_of, dev_chain, on_chain

NODE, URL = "node.example", "ws://node.example:8090"
MAIL = "mail.example"


def knowing(names: Names) -> tuple[str, ...]:
    """faucet.py where the resolver knows `names`."""
    return "tests/harness/named_faucet.py", json.dumps(names)


def place_of(url: str) -> Place:
    host, port = url.removeprefix("ws://").split(":")
    return host, int(port)


async def check(service: Faucet, names: Names) -> str:
    """The line of `check` that says why the node is not reached."""
    _, output, _ = await command_of(knowing(names), "check", "--config", str(service.config))
    (line,) = [line for line in output.splitlines() if line.startswith("FAIL")]
    return line


@pytest.mark.parametrize(("dead", "reason"), DEAD.values(), ids=DEAD)
async def test_dead_address_of_a_node_costs_a_moment(tmp_path: Path, dead: Dead, reason: str) -> None:
    """The next one is used, again and again, and the sentence names both while neither is of use."""
    with dead() as place:
        async with dev_chain() as chain:
            names = {NODE: [place, place_of(chain.url)]}
            service = Faucet(tmp_path, on_chain([URL]))
            await service.start(script=knowing(names))
            scenario = Scenario(chain, service, 0)
            try:
                for name in ("first-1", "second-1"):
                    await scenario.sign_up(name)
                    await scenario.reach("done")
                    await chain.control("stall", False)
                await chain.stop()
                await scenario.reported("chain", f"{URL}: ::1: {reason}; 127.0.0.1: Connection refused")
            finally:
                await service.stop()
            assert f"node: {URL}: not reached: {URL}: ::1: {reason}; 127.0.0.1: " in await check(service, names)


async def test_several_dead_addresses_leave_time_for_the_last(tmp_path: Path) -> None:
    """Within node_timeout, in which none of the dead ones gives up by itself."""
    with mute() as first, dropping("127.0.0.2") as second, mute("127.0.0.3") as third:
        async with dev_chain() as chain:
            service = Faucet(tmp_path, on_chain([URL], node_timeout=1.5))
            await service.start(script=knowing({NODE: [first, second, third, place_of(chain.url)]}))
            scenario = Scenario(chain, service, 0)
            try:
                await scenario.sign_up("last-1")
                await scenario.reach("done")
            finally:
                await service.stop()


async def test_name_server_that_does_not_answer_costs_one_node(tmp_path: Path) -> None:
    """The next node is used, signups are answered meanwhile, and the end is not waited for."""
    names: Names = {"slow.example": None, "none.example": []}
    slow, missing = "ws://slow.example:8090", "ws://none.example:8090"
    async with fault_scenario(
        tmp_path, urls=lambda url: [slow, missing, url], script=knowing(names), node_timeout=1, fit=False
    ) as scenario:
        await scenario.sign_up("first-1")
        await scenario.reach("done")
    log = (tmp_path / "log").read_text()
    assert f"{slow}: the name slow.example was not resolved within 1 seconds" in log
    assert f"{missing}: the name none.example can't be resolved: Name or service not known" in log


async def test_end_does_not_wait_for_a_name_server(tmp_path: Path) -> None:
    service = Faucet(tmp_path, on_chain([URL], node_timeout=0.2))
    await service.start(script=knowing({NODE: None}))
    while "was not resolved" not in (await service.fetch("/readyz")).body["checks"]["chain"]["text"]:
        """Asking is the waiting: the page has no event."""
    assert await service.stop() == 0


@pytest.mark.parametrize("dead", [each for each, _ in DEAD.values()], ids=DEAD)
async def test_dead_address_of_a_mail_server_costs_a_moment(tmp_path: Path, dead: Dead) -> None:
    with dead() as place:
        async with mail_server() as server:
            names = {MAIL: [place, ("127.0.0.1", server.port)]}
            settings = {"mail_host": f"{MAIL}:25", "mail_from": "faucet@x.org", "admins": ["ann@x.org"]}
            service = Faucet(tmp_path, on_chain([URL], **settings))
            code, _, _ = await command_of(knowing(names), "testmail", "--config", str(service.config))
            assert code == 0
            assert len(server.box.mails) == 1


async def test_every_dead_address_of_a_mail_server_is_named(tmp_path: Path) -> None:
    with refusing() as first, refusing("127.0.0.1") as second:
        settings = {"mail_host": f"{MAIL}:25", "mail_from": "faucet@x.org", "admins": ["ann@x.org"]}
        service = Faucet(tmp_path, on_chain([URL], **settings))
        names = {MAIL: [first, second]}
        code, _, errors = await command_of(knowing(names), "testmail", "--config", str(service.config))
        assert code == 1
        assert "::1: Connection refused; 127.0.0.1: Connection refused" in errors
