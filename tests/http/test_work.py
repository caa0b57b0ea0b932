"""Proof of work over HTTP: who is asked for it, what is taken, and what is not."""

import asyncio
import dataclasses
import hmac
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobs.errors import Code
from jobs.ledger.quotas import GENERATION
from jobs.model.api_key import NewApiKey
from jobs.model.invitation import NewInvitation
from jobs.ways.challenges import LIFETIME, parse_proof
from jobs.ways.work import PHONE
from tests.harness.pages import page
from tests.harness.serving import CLIENT, NOW, Serving, serving, signup_of
from tests.harness.work import ARGON2, EASY, challenge_of, refusal, sign_up, solved

pytestmark = pytest.mark.usefixtures("each_engine")

ELSEWHERE = {"X-Forwarded-For": "198.51.100.1"}
KEY = "faucet_" + "k" * 32
CODE = "7KQ2-M0XV-9T3B-HW5D"


class Clock:
    """Seconds, which a test advances."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


async def test_nobody_is_asked_unless_it_is_configured(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        assert (await served.fetch("/api/v1/challenge")).body == {"challenge": None}
        assert (await sign_up(served, "free-1", work="whatever it is")).status == 200
        assert "faucet_work_seconds NaN" in (await served.fetch("/metrics")).body


@pytest.mark.parametrize("settings", [EASY, ARGON2], ids=["sha256", "argon2"])
async def test_solved_challenge_lets_one_in(tmp_path: Path, settings: dict[str, Any]) -> None:
    async with serving(tmp_path, minIPAge=0, **settings) as served:
        assert refusal(await sign_up(served, "a-1")) == (403, "work_required", "work")
        work = await solved(served.fetch, headers=CLIENT)
        assert (await sign_up(served, "a-1", "?dry_run=1", work=work)).status == 200
        assert (await sign_up(served, "a-1", work=work)).status == 200
        again = await sign_up(served, "b-1", work=work)
        assert (*refusal(again), again.headers["Retry-After"]) == (429, "throttled", "work", "1")
        assert "Get a new challenge" in again.body["error"]["base"][0]
        lines = (await served.fetch("/metrics")).body
        assert "faucet_challenges_total 1.0" in lines
        assert 'faucet_proofs_total{outcome="valid"} 3.0' in lines
        assert f"faucet_work_seconds {settings['work_seconds'] * 1.002:g}"[:24] in lines


async def test_challenge_is_described_and_kept_by_nobody(tmp_path: Path) -> None:
    async with serving(tmp_path, **ARGON2) as served:
        reply = await served.fetch("/api/v1/challenge", headers=CLIENT)
        challenge = reply.body["challenge"]
        assert challenge.pop("token") != (await challenge_of(served.fetch, headers=CLIENT))["token"]
        assert challenge == {
            "algorithm": "argon2", "attempts": 1, "expires_at": "2027-01-15T08:10:00.000Z", "expires_in": LIFETIME,
            "argon2": {"memory": 4096, "passes": 1, "lanes": 1, "precheck": 8192},
        }  # fmt: skip
        assert (reply.headers["Cache-Control"], reply.headers["Access-Control-Allow-Origin"]) == ("no-store", "*")
        head = await served.fetch("/api/v1/challenge", method="HEAD")
        posted = await served.fetch("/api/v1/challenge", method="POST", body="")
        assert (head.status, posted.status) == (200, 405)


async def test_wallets_may_import_the_scripts(tmp_path: Path) -> None:
    async with serving(tmp_path, cors_origins=("https://wallet.example",)) as served:
        wallet = {"Origin": "https://wallet.example"}
        for name in ("work/work.js", "work/worker.js", "vendor/noble-hashes-2.3.0/argon2.js"):
            reply = await served.fetch(f"/static/{name}", headers=wallet)
            assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (200, wallet["Origin"])
        other = await served.fetch("/static/signup/page.js", headers=wallet)
        assert "Access-Control-Allow-Origin" not in other.headers


async def test_pages_say_that_work_is_asked_for(tmp_path: Path) -> None:
    said = "Who has no other way in does some work first"
    for settings, is_said in (({}, False), (EASY, True)):
        folder = tmp_path / str(is_said)
        folder.mkdir()
        async with serving(folder, signup_page=True, **settings) as served:
            for path in ("/", "/signup"):
                assert (said in (await page(served, path)).text) is is_said


async def test_repeated_signup_needs_no_work(tmp_path: Path) -> None:
    """Its proof may be spent, over or gone: it is the same signup."""
    clock = Clock()
    async with serving(tmp_path, clock=clock, **EASY) as served:
        work = await solved(served.fetch, headers=CLIENT)
        first = await sign_up(served, "same-1", work=work)
        clock.now += LIFETIME
        for fields in ({"work": work}, {}, {"work": "broken"}):
            again = await sign_up(served, "same-1", **fields)
            assert (again.status, again.body["job"]["id"]) == (200, first.body["job"]["id"])


async def test_refused_signup_spends_nothing_and_a_failed_one_gives_back(tmp_path: Path) -> None:
    async with serving(tmp_path, minIPAge=0, **EASY) as served:
        await served.accept("taken-1")
        work = await solved(served.fetch, headers=CLIENT)
        taken = await served.fetch(
            "/api/v1/accounts",
            method="POST",
            headers=CLIENT,
            body=signup_of("taken-1", work=work, memo_key=other_key()),
        )
        assert refusal(taken) == (409, "account_exists", "name")
        assert refusal(await sign_up(served, "Bad Name", work=work))[1] == "invalid_name"
        assert (await sign_up(served, "first-1", work=work)).status == 200
        assert refusal(await sign_up(served, "second-1", work=work))[1] == "throttled"
        await served.ledger.drain.fail({(await served.job("first-1")).number: (Code.CHAIN_REFUSED, "no")})
        assert (await sign_up(served, "second-1", work=work)).status == 200


def other_key() -> str:
    return str(msgspec.json.decode(signup_of("another"))["account"]["memo_key"])


async def test_invitation_goes_before_work_and_spends_none(tmp_path: Path) -> None:
    async with serving(tmp_path, **EASY) as served:
        await served.ledger.invitations.make([CODE], NewInvitation(uses=1), by="ann")
        work = await solved(served.fetch, headers=CLIENT)
        assert (await sign_up(served, "invited-1", invite=CODE, work=work)).status == 200
        assert (await sign_up(served, "worker-1", work=work)).status == 200
        assert refusal(await sign_up(served, "invited-2", invite=CODE, work=work)) == (429, "throttled", "invite")


async def test_api_key_goes_before_work_and_spends_none(tmp_path: Path) -> None:
    async with serving(tmp_path, **EASY) as served:
        await served.ledger.api_keys.create(KEY, NewApiKey("Wallet"), by="ann")
        with_key = {**CLIENT, "Authorization": f"Bearer {KEY}"}
        work = await solved(served.fetch, headers=CLIENT)
        for number, fields in enumerate(({}, {"work": "broken"}, {"work": work})):
            assert (await sign_up(served, f"user-{number}", headers=with_key, **fields)).status == 200
        assert (await sign_up(served, "worker-1", work=work)).status == 200
        await served.ledger.api_keys.revoke(1, by="ann")
        assert refusal(await sign_up(served, "user-9", headers=with_key, work=work))[1] == "invalid_api_key"


async def test_work_lifts_no_limit_of_networks(tmp_path: Path) -> None:
    async with serving(tmp_path, **EASY) as served:
        assert (await sign_up(served, "a-1", work=await solved(served.fetch, headers=CLIENT))).status == 200
        again = await sign_up(served, "b-1", work=await solved(served.fetch, headers=CLIENT))
        assert again.body["error"]["base"] == ["Only one account per IP"]


async def test_challenge_ends_in_time_and_survives_clocks_that_differ(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path, clock=clock, minIPAge=0, **EASY) as served:
        early, late, future = [await solved(served.fetch, headers=CLIENT) for _ in range(3)]
        clock.now = NOW - 5
        assert (await sign_up(served, "future-1", work=future)).status == 200
        clock.now = NOW + LIFETIME - 0.001
        assert (await sign_up(served, "early-1", work=early)).status == 200
        assert refusal(await sign_up(served, "again-1", work=future))[1] == "throttled"
        clock.now = NOW + LIFETIME
        assert refusal(await sign_up(served, "late-1", work=late))[1] == "invalid_work"
        clock.now = NOW - 61
        assert refusal(await sign_up(served, "back-1", work=late))[1] == "invalid_work"


async def test_spent_challenge_stays_spent_after_a_purge_and_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path, clock=clock, minIPAge=0, **EASY) as served:
        work, kept = [await solved(served.fetch, headers=CLIENT) for _ in range(2)]
        assert (await sign_up(served, "first-1", work=work)).status == 200
    clock.now += LIFETIME - 1
    async with serving(tmp_path, clock=clock, minIPAge=0, **EASY) as served:
        await served.ledger.signups.purge_quotas()
        assert refusal(await sign_up(served, "second-1", work=work))[1] == "throttled"
        assert (await sign_up(served, "third-1", work=kept)).status == 200


async def test_challenge_of_another_network_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, **EASY) as served:
        work = await solved(served.fetch, headers=CLIENT)
        assert refusal(await sign_up(served, "far-1", headers=ELSEWHERE, work=work))[1] == "invalid_work"
        neighbour = {"X-Forwarded-For": "192.0.2.200"}
        assert (await sign_up(served, "near-1", headers=neighbour, work=work)).status == 200


async def test_challenge_binds_no_network_where_none_is_limited(tmp_path: Path) -> None:
    async with serving(tmp_path, restrict_ip=False, **EASY) as served:
        work = await solved(served.fetch, headers=CLIENT)
        assert ".any." in work
        assert (await sign_up(served, "far-1", headers=ELSEWHERE, work=work)).status == 200


async def test_difficulty_follows_queue_and_network(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"proof_of_work": "sha256", "work_seconds": 1, "work_seconds_max": 10}
    async with serving(tmp_path, minIPAge=300, **settings) as served:

        async def seconds(headers: Any) -> float:
            attempts: int = (await challenge_of(served.fetch, headers=headers))["attempts"]
            return attempts / PHONE["sha256"]

        assert await seconds(CLIENT) == 1
        await served.ledger.invitations.make([CODE], NewInvitation(uses=999), by="ann")
        for number in range(50):
            await sign_up(served, f"queued-{number}", invite=CODE)
        assert await seconds(CLIENT) == pytest.approx(1.1)
        work = await proof(served)
        assert (await sign_up(served, "pressing-1", work=work)).status == 200
        assert await seconds(CLIENT) == pytest.approx(1.102 * 8, rel=0.001)
        assert await seconds(ELSEWHERE) == pytest.approx(1.102, rel=0.001)


async def proof(served: Serving) -> str:
    """A proof whose challenge is made easy, as only its maker can."""
    found = parse_proof(f"{(await challenge_of(served.fetch, headers=CLIENT))['token']}.0")
    assert found is not None
    assert served.context.proofs is not None
    keys = await served.ledger.work.keys()
    key = hmac.digest(keys[0].key.encode(), b"proof of work", "sha256")
    easy = dataclasses.replace(found.challenge, attempts=1)
    return f"{easy.token(key)}.0"


async def test_challenge_outlives_the_change_of_its_key(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path, clock=clock, minIPAge=0, **EASY) as served:
        clock.now += GENERATION / 1000 - clock.now % (GENERATION / 1000) - 1
        work, other = [await solved(served.fetch, headers=CLIENT) for _ in range(2)]
        clock.now += 2
        newer = await solved(served.fetch, headers=CLIENT)
        await served.ledger.signups.purge_quotas()
        assert (await sign_up(served, "old-1", work=work)).status == 200
    async with serving(tmp_path, clock=clock, minIPAge=0, **EASY) as served:  # which never knew the old key
        assert (await sign_up(served, "old-2", work=other)).status == 200
        assert (await sign_up(served, "new-1", work=newer)).status == 200
        assert work.split(".")[0] != newer.split(".")[0]


async def test_one_solution_sent_many_times_lets_one_in(tmp_path: Path) -> None:
    """Also at a process that knows no key yet."""
    async with serving(tmp_path, minIPAge=0, **EASY) as served:
        work = await solved(served.fetch, headers=CLIENT)
    async with serving(tmp_path, minIPAge=0, **EASY) as served:
        replies = await asyncio.gather(*(sign_up(served, f"crowd-{number}", work=work) for number in range(20)))
        assert sorted(reply.status for reply in replies) == [200] + [429] * 19
