"""The API's description holds for what is served."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handlers.api.openapi import DOCUMENT
from handlers.http.errors import STATUS
from jobs.errors import Code
from tests.harness.program import HttpReply
from tests.harness.serving import serving

SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]  # type: ignore[index]  # a document of many shapes
PATHS: dict[str, Any] = DOCUMENT["paths"]  # type: ignore[assignment]
KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float),
    "null": type(None),
}  # fmt: skip


def problems(value: Any, schema: dict[str, Any], at: str = "") -> Iterator[str]:
    """Where `value` does not fit `schema`, of whose language just what the description uses is known."""
    if "$ref" in schema:
        yield from problems(value, SCHEMAS[schema["$ref"].rsplit("/", 1)[1]], at)
    elif "anyOf" in schema:
        if all(list(problems(value, option, at)) for option in schema["anyOf"]):
            yield f"{at}: fits nothing"
    elif "const" in schema or "enum" in schema:
        if value not in schema.get("enum", [schema.get("const")]):
            yield f"{at}: {value!r}"
    else:
        yield from problems_of_kind(value, schema, at)


def problems_of_kind(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not any(isinstance(value, KINDS[kind]) for kind in kinds):
        yield f"{at}: {value!r} is no {kinds}"
    elif isinstance(value, dict):
        yield from (f"{at}.{name}: missing" for name in schema.get("required", ()) if name not in value)
        yield from problems_of_members(value, schema, at)
    elif isinstance(value, list) and "items" in schema:
        for inner in value:
            yield from problems(inner, schema["items"], f"{at}[]")


def problems_of_members(value: dict[str, Any], schema: dict[str, Any], at: str) -> Iterator[str]:
    for name, inner in value.items():
        if name in schema.get("properties", {}):
            yield from problems(inner, schema["properties"][name], f"{at}.{name}")
        elif "properties" in schema:
            yield f"{at}.{name}: not described"


def misfits(reply: HttpReply, method: str, path: str) -> list[str]:
    """What in `reply` the description of `path` does not say."""
    described = PATHS[path][method]["responses"].get(str(reply.status))
    if described is None:
        return [f"{path}: status {reply.status} is not described"]
    return list(problems(reply.body, described["content"]["application/json"]["schema"]))


async def test_replies_match_their_schemas(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        accepted = await served.sign_up("alice-1")
        job = accepted.body["job"]["url"]
        replies = [
            (accepted, "post", "/api/v1/accounts"),
            (await served.sign_up("bob-1", "/faucet?dry_run=1"), "post", "/api/v1/accounts"),
            (await served.sign_up("Bob"), "post", "/api/v1/accounts"),
            (await served.fetch("/faucet", method="POST", body="{}"), "post", "/api/v1/accounts"),
            (await served.fetch(job), "get", "/api/v1/jobs/{id}"),
            (await served.fetch(job + "?wait=x"), "get", "/api/v1/jobs/{id}"),
            (await served.fetch("/api/v1/jobs/none"), "get", "/api/v1/jobs/{id}"),
            (await served.fetch("/api/v1/jobs/none/events"), "get", "/api/v1/jobs/{id}/events"),
            (await served.fetch("/api/v1/accounts/alice-1"), "get", "/api/v1/accounts/{name}"),
            (await served.fetch("/api/v1/accounts/alice-2"), "get", "/api/v1/accounts/{name}"),
            (await served.fetch("/api/v1/accounts/%ff"), "get", "/api/v1/accounts/{name}"),
            (await served.fetch("/api/v1/chain"), "get", "/api/v1/chain"),
            (await served.fetch("/healthz/intake"), "get", "/healthz/intake"),
            (await served.fetch("/api/v1/openapi.json"), "get", "/api/v1/openapi.json"),
        ]
        assert [misfit for reply, method, path in replies for misfit in misfits(reply, method, path)] == []


async def test_members_keep_the_order_of_the_contract(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        accepted = (await served.sign_up("alice-1")).body
        fetched = (await served.fetch(accepted["job"]["url"])).body
        refused = (await served.sign_up("Alice")).body
        assert [list(accepted), list(accepted["account"]), list(accepted["job"])] == [
            ["account", "job"],
            ["name", "owner_key", "active_key", "memo_key", "referrer"],
            ["id", "state", "url"],
        ]
        assert list(fetched["job"]) == [
            "id", "name", "referrer", "state", "account_id", "transaction_id", "block_num", "irreversible",
            "initial_balance", "attempts", "code", "reason", "created_at", "updated_at",
        ]  # fmt: skip
        assert list(refused) == ["error", "error_code", "error_field"]


@pytest.mark.parametrize("path", PATHS)
async def test_documented_methods_are_those_allowed(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch(path.replace("{", "").replace("}", ""), method="OPTIONS")
        allowed = {method.lower() for method in reply.headers["Allow"].split(", ")} - {"options", "head"}
        assert allowed == PATHS[path].keys()


def test_path_parameters_are_documented() -> None:
    for path, operations in PATHS.items():
        for operation in operations.values():
            named = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
            assert named == {part.strip("{}") for part in path.split("/") if part.startswith("{")}


def test_every_code_of_a_signup_is_documented_with_its_status() -> None:
    responses = PATHS["/api/v1/accounts"]["post"]["responses"]
    for code in set(Code) - {Code.NOT_FOUND}:
        assert code.value in responses[str(STATUS[code])]["description"].split(", ")


def test_schema_checker_finds_mismatches() -> None:
    """A checker that finds nothing would prove nothing."""
    found = list(problems({"error": {"base": "text", "more": 1}, "error_code": "strange"}, SCHEMAS["ErrorReply"]))
    assert found == [".error.base: 'text' is no ['array']", ".error.more: not described", ".error_code: 'strange'"]
    assert list(problems({"error": {}}, SCHEMAS["ErrorReply"])) == [".error_code: missing", ".error.base: missing"]
