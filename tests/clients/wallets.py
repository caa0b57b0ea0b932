"""Wallets and backends of the field: what each sends, what it reads of the reply, and what it does then.

Each returns what its user is told: SIGNED_UP, or the lines that the wallet shows.
"""

import json
from itertools import count
from typing import Any

from chain.wallet import derive_key
from tests.clients.door import Answer, Door, account_of

SIGNED_UP = ["signed up"]
UNKNOWN = ["unknown error"]
PAGE = "https://wallet.example"  #: where a browser wallet was loaded from


async def core_gui(door: Door, name: str, **more: Any) -> list[str]:
    """A browser wallet: whatever the status, each value of `error` is a line."""
    reply = (await door.post("/api/v1/accounts", account_of(name, **more), Origin=PAGE)).json
    if "error" not in reply:
        return SIGNED_UP
    return [str(line) for lines in reply["error"].values() for line in (lines if isinstance(lines, list) else [lines])]


async def android(door: Door, name: str, **more: Any) -> list[str]:
    """A mobile wallet with types: `error` is a map of lists of strings, or the reply can't be read."""
    reply = (await door.post("/api/v1/accounts", account_of(name, **more), User_Agent="okhttp/3.12")).json
    if "account" in reply:
        return SIGNED_UP
    match reply["error"]:
        case {"base": [str(line), *_], **others} if not others:
            return [line]
    return [json.dumps(reply)]


async def backend(door: Door, name: str, **more: Any) -> list[str]:
    """A backend such as PeerID: names its referrer by id, reads `error.base` of a 200 only, and tries another name."""
    for number in count(1):
        wanted = name if number == 1 else f"{name}{number}"
        keys = account_of(wanted, referrer="1.2.0", **more)
        answer = await door.post("/api/v1/accounts", {**keys, "memo_key": keys["active_key"]})
        if answer.status != 200:
            return UNKNOWN
        error = answer.json.get("error", {}).get("base", [])
        if error and error[0] != "Account exists":
            return [str(error[0])]
        if not error:
            return SIGNED_UP if await door.on_chain(wanted) is not None else UNKNOWN
    raise AssertionError("it never ends trying")


async def exchange(door: Door, name: str, **more: Any) -> list[str]:
    """A web wallet that reads the account from the chain as soon as it has its reply."""
    reply = (await door.post("/faucet", account_of(name, referrer=None, **more))).json
    if "account" not in reply:
        return list(reply["error"]["base"])
    account = await door.on_chain(reply["account"]["name"])
    active_key = (account_of(name)["active_key"], 1)
    return SIGNED_UP if account is not None and active_key in account.active.keys else UNKNOWN


async def old_mobile(door: Door, name: str, **more: Any) -> list[str]:
    """HTTP/1.0, a slash at the end, a type that is none of JSON's, a byte order mark."""
    body = b"\xef\xbb\xbf" + json.dumps({"account": account_of(name, **more)}).encode()
    head = f"POST /faucet/ HTTP/1.0\nContent-Type: text/plain\nContent-Length: {len(body)}\n"
    reply = (await door.send(head, body)).json
    return SIGNED_UP if "account" in reply else list(reply["error"]["base"])


async def onboarding(door: Door, name: str, **more: Any) -> list[str]:
    """A wallet whose address was made for a campaign: its first part is no account of the chain."""
    reply = (await door.post("//onboarding/api/v1/accounts", account_of(name, referrer="undefined", **more))).json
    return SIGNED_UP if "account" in reply else list(reply["error"]["base"])


async def bot(door: Door, name: str, **more: Any) -> list[str]:
    """A trading bot: names a referrer, repeats what it got no answer to, and stops at any 4xx."""
    for _ in range(3):
        path = "/api/v1/accounts/"
        answer = await door.post(path, account_of(name, refcode="referrer", referrer="referrer", **more))
        if answer.status < 500:
            break
    return SIGNED_UP if answer.status == 200 and "error" not in answer.json else list(answer.json["error"]["base"])


async def extension(door: Door, name: str, **more: Any) -> list[str]:
    """A browser's extension: the browser asks first, with headers of the wallet's own, and hides what CORS does not
    show.
    """
    names = "content-type,x-wallet-version"
    head = f"OPTIONS /api/v1/accounts HTTP/1.1\nHost: localhost\nOrigin: {PAGE}\n"
    asked = f"Access-Control-Request-Method: POST\nAccess-Control-Request-Headers: {names}\n"
    before = await door.send(head + asked)
    allowed = {word.strip().lower() for word in before.headers.get("access-control-allow-headers", "").split(",")}
    if not 200 <= before.status < 300 or not set(names.split(",")) <= allowed or not _may_read(before):
        return ["network error"]
    answer = await door.post("/api/v1/accounts", account_of(name, **more), Origin=PAGE, X_Wallet_Version="7")
    if not _may_read(answer):
        return ["network error"]
    return SIGNED_UP if "account" in answer.json else list(answer.json["error"]["base"])


async def misconfigured(door: Door, name: str, **more: Any) -> list[str]:
    """A browser wallet with a wrong address: it can still say what is wrong."""
    answer = await door.post("/api/v2/accounts-of-another", account_of(name, **more), Origin=PAGE)
    elsewhere = await door.post("/register", account_of(name, **more), Origin=PAGE)
    if not _may_read(answer) or not _may_read(elsewhere):
        return ["network error"]
    return [*answer.json["error"]["base"], *elsewhere.json["error"]["base"]]


async def script(door: Door, name: str, **more: Any) -> list[str]:
    """A shell's one line: an absolute address, `Expect` in its own spelling, and no more to send after that."""
    body = json.dumps({"account": account_of(name, **more)}).encode()
    head = f"POST http://localhost/faucet HTTP/1.1\nHost: localhost\nContent-Length: {len(body)}\n"
    # TLS has no half of a connection.
    answer = await door.send(head, body, shut=door.certificate is None)
    return SIGNED_UP if "account" in answer.json else list(answer.json["error"]["base"])


async def trial(door: Door, name: str, **more: Any) -> list[str]:
    """A wallet's own tests: everything but a signup."""
    reply = (await door.post("/api/v1/accounts?dry_run=True", account_of(name, **more))).json
    if "error" in reply:
        return list(reply["error"]["base"])
    return ["tried out"] if "operation" in reply and "job" not in reply else UNKNOWN


async def confused(door: Door, name: str, **more: Any) -> list[str]:
    """A wallet whose user pastes the private key into a field for notes."""
    wif = derive_key(name, "active", "secret").wif()
    return await core_gui(door, name, real_name=f"my key: {wif}", **more)


def _may_read(answer: Answer) -> bool:
    return answer.headers.get("access-control-allow-origin") in ("*", PAGE)


#: Those that sign up, each by its name.
WALLETS = (core_gui, android, backend, exchange, old_mobile, onboarding, bot, extension, script)
