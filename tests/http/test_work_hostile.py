"""Proofs of work over HTTP that were made to deceive, or to cost time."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from handlers.api import proofs
from jobs.ledger.quotas import QuotaKey
from jobs.ways.work import meets_argon2
from tests.harness.serving import CLIENT, serving
from tests.harness.work import ARGON2, EASY, challenge_of, proof_of, refusal, sign_up, solved

pytestmark = pytest.mark.usefixtures("each_engine")


def change(part: int, value: str) -> Any:
    """How to replace one part of a proof."""

    def changed(work: str) -> str:
        parts = work.split(".")
        parts[part] = value
        return ".".join(parts)

    return changed


@pytest.mark.parametrize(
    ("hostile", "outcome"),
    [
        (change(2, "1"), "forged"), (change(3, "1999999999999"), "forged"), (change(4, "0" * 24), "forged"),
        (change(5, "any"), "forged"), (change(6, "0" * 32), "forged"), (change(0, "999999"), "forged"),
        (change(1, "argon2"), "forged"), (change(2, "-1"), "malformed"), (change(1, "md5"), "malformed"),
        (change(7, "NaN"), "malformed"), (change(7, "٣"), "malformed"), (change(7, "9" * 17), "malformed"),
        (change(7, "9007199254740991"), "wrong"), (lambda work: work[:40], "malformed"),
        (lambda work: work + "\0", "malformed"), (lambda _: "x" * 15_000, "malformed"),
    ],
)  # fmt: skip
async def test_hostile_proof_is_refused(tmp_path: Path, hostile: Any, outcome: str) -> None:
    async with serving(tmp_path, proof_of_work="sha256", work_seconds=1) as served:
        challenge = await challenge_of(served.fetch, headers=CLIENT)
        reply = await sign_up(served, "hostile-1", work=hostile(f"{challenge['token']}.1"))
        assert refusal(reply) == (422, "invalid_work", "work")
        assert f'faucet_proofs_total{{outcome="{outcome}"}} 1.0' in (await served.fetch("/metrics")).body


@pytest.mark.parametrize("work", [7, {"challenge": "x"}, ["x"], True])
async def test_work_of_another_type_is_refused(tmp_path: Path, work: object) -> None:
    async with serving(tmp_path, **EASY) as served:
        assert refusal(await sign_up(served, "hostile-1", work=work)) == (400, "bad_request", "work")


async def test_what_is_sent_again_costs_no_second_argon2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Counter[int]()

    def counted(seed: bytes, nonce: int, wanted: int) -> bool:
        calls[nonce] += 1
        return meets_argon2(seed, nonce, wanted)

    monkeypatch.setattr(proofs, "meets_argon2", counted)
    monkeypatch.setattr(proofs, "REMEMBERED", 1)
    async with serving(tmp_path, minIPAge=0, limits=(), **ARGON2) as served:
        first, second = [await solved(served.fetch, headers=CLIENT) for _ in range(2)]
        replies = await asyncio.gather(*(sign_up(served, f"same-{number}", work=first) for number in range(5)))
        assert sorted(reply.status for reply in replies) == [200] + [429] * 4
        assert calls.total() == 1
        assert (await sign_up(served, "other-1", work=second)).status == 200
        assert refusal(await sign_up(served, "same-9", work=first))[1] == "throttled"
        assert calls.total() == 3, "what is not remembered is verified again"


async def test_ledger_is_not_read_for_each_forged_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path, **EASY) as served:
        work = await solved(served.fetch, headers=CLIENT)
        generation = int(work.split(".")[0])
        reads = Counter[str]()
        keys = served.ledger.work.keys

        async def counted() -> Sequence[QuotaKey]:
            reads["keys"] += 1
            return await keys()

        monkeypatch.setattr(served.ledger.work, "keys", counted)
        for forged in (generation + 1, generation - 1, generation + 2, 0) * 5:
            reply = await sign_up(served, "forged-1", work=change(0, str(forged))(work))
            assert refusal(reply)[1] == "invalid_work"
        assert not reads, "they were read in this second"


async def test_crowd_of_argon2_is_told_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "BUDGET", 2 * proofs.FIRST_GUESS)
    async with serving(tmp_path, minIPAge=0, limits=(), **ARGON2) as served:
        works = [await solved(served.fetch, headers=CLIENT) for _ in range(6)]
        replies = await asyncio.gather(
            *(sign_up(served, f"crowd-{number}", work=work) for number, work in enumerate(works))
        )
        busy = [reply for reply in replies if reply.status != 200]
        assert 0 < len(busy) < len(works)
        assert {(*refusal(reply), reply.headers["Retry-After"]) for reply in busy} == {(503, "overloaded", None, "2")}
        unspent = next(work for work, reply in zip(works, replies, strict=True) if reply.status != 200)
        assert (await sign_up(served, "later-1", work=unspent)).status == 200


async def test_garbage_costs_no_argon2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> bool:
        raise AssertionError

    async with serving(tmp_path, **ARGON2) as served:
        challenge = await challenge_of(served.fetch, headers=CLIENT)
        monkeypatch.setattr(proofs, "meets_argon2", never)
        nonce = 1 + int(proof_of(challenge).rpartition(".")[2])
        assert refusal(await sign_up(served, "garbage-1", work=f"{challenge['token']}.{nonce}"))[1] == "invalid_work"
